"""From a suite's `target:` to a target that can be talked to, and its version."""

import contextlib
from typing import Any

from langchain_core.language_models import BaseChatModel

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.models.opening import chat_model
from eval_pipeline.prompts.current import use_prompt
from eval_pipeline.prompts.suite_prompts import NO_PROMPTS, SuitePrompts
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.import_path import model_version, resolve, source_digest
from eval_pipeline.suite.spec import target as spec
from eval_pipeline.suite.suite import Suite
from eval_pipeline.targets.chat import ChatTarget
from eval_pipeline.targets.langgraph_graph import LangGraphTarget
from eval_pipeline.targets.python_callable import PythonTarget
from eval_pipeline.targets.recorded import RecordedTarget
from eval_pipeline.targets.remote import RemoteTarget
from eval_pipeline.targets.session import Target

_OF_PROMPTS = {"prompt", "variables", "fallback"}


def open_target(suite: Suite, prompts: SuitePrompts = NO_PROMPTS) -> Target:
    """The target of `suite`. A factory of it may ask for its prompt (`eval_pipeline.prompts.current`).

    Raises:
        InputError: its import path, model or prompt file cannot be used.
        PermanentError: a package or a key it needs is missing.
    """
    with use_prompt(prompts.filled(suite)):
        return _opened(suite)


def _opened(suite: Suite) -> Target:
    target = suite.spec.target
    match target:
        case spec.PythonTarget():
            call = resolve(target.path, folder=suite.folder)
            return PythonTarget(call, factory=target.factory, options=target.options)
        case spec.LangGraphTarget():
            return LangGraphTarget(resolve(target.path, folder=suite.folder), target)
        case spec.ChatTarget():
            return _chat_target(suite, target)
        case spec.RemoteTarget():
            return RemoteTarget(target)
        case spec.RecordedTarget():
            return RecordedTarget()


def target_version(suite: Suite, prompts: SuitePrompts = NO_PROMPTS) -> str:
    """What identifies the target as it is now: its `version`, or a hash of its source and options; and its prompt."""
    own = suite.spec.target.version or _own_version(suite)
    return own if prompts.version is None else f"{own}+{prompts.version}"


def _own_version(suite: Suite) -> str:
    target = suite.spec.target
    prompted = isinstance(target, spec.PromptedTarget) and target.prompt is not None
    # Targets without a prompt keep the version they had before there were any.
    parts: list[Any] = [target.model_dump(mode="json", exclude=None if prompted else _OF_PROMPTS)]
    if isinstance(target, spec.PythonTarget | spec.LangGraphTarget):
        parts.append(source_digest(target.path, folder=suite.folder))
    if isinstance(target, spec.ChatTarget):
        parts.append(model_version(target.model, folder=suite.folder))
        # Definitions are built from the version: what is missing is told by `check_suite` and `open_target`.
        with contextlib.suppress(InputError):
            parts.append(_system_prompt(suite, target))
    return digest(*parts)


def _chat_target(suite: Suite, target: spec.ChatTarget) -> ChatTarget:
    def model(name: str | None, temperature: float | None) -> BaseChatModel:
        chosen = {} if temperature is None else {"temperature": temperature}
        return chat_model(name or target.model, folder=suite.folder, **{**target.options, **chosen})

    system = _system_prompt(suite, target)
    return ChatTarget(model(None, None), system=system, stream=target.stream, other=model)


def _system_prompt(suite: Suite, target: spec.ChatTarget) -> str | None:
    if target.system_file is None:
        return target.system
    file = suite.path(target.system_file)
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fix = "make it a readable UTF-8 file, or correct the path"
        raise InputError(Problem(message=f"cannot be read: {error}", fix=fix, file=file)) from error
