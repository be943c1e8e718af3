"""Opening a suite's target, and computing its version."""

import inspect
from typing import Any, cast

from langchain_core.runnables import Runnable
from langgraph.graph import StateGraph

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.prompts.current import use_prompt
from eval_pipeline.prompts.suite_prompts import NO_PROMPTS, SuitePrompts
from eval_pipeline.suite.suite import Suite
from eval_pipeline.targets.langgraph import LangGraphSessionFactory, LangGraphTarget
from eval_pipeline.targets.python import PythonSessionFactory
from eval_pipeline.targets.session import SessionFactory


def open_target(suite: Suite, prompts: SuitePrompts = NO_PROMPTS) -> SessionFactory:
    """The target of `suite`, ready for sessions. Its factory may read its prompt (`eval_pipeline.current_prompt`).

    Raises:
        InputError: its import path, model or prompt file cannot be used.
        PermanentError: a package or a key it needs is missing.
    """
    with use_prompt(prompts.filled(suite)):
        factory: SessionFactory = suite.spec.target.open(suite.folder)
        return factory


def open_given_target(target: Any) -> SessionFactory:
    """A target that was given in Python: a callable, a graph or another runnable, or a session factory.

    Raises:
        InputError: it is none of them.
    """
    if isinstance(target, Runnable | StateGraph):
        return LangGraphSessionFactory(target, LangGraphTarget(kind="langgraph", path="in_python:graph"))
    if hasattr(target, "open") and hasattr(target, "attempts"):
        return cast("SessionFactory", target)
    if callable(target) and not inspect.isclass(target):
        return PythonSessionFactory(target)
    fix = "give a callable, a graph, or an object with `attempts` and `open`"
    raise InputError(Problem(message=f"a {type(target).__name__} cannot be evaluated", fix=fix, field="target"))


def target_version(suite: Suite, prompts: SuitePrompts = NO_PROMPTS) -> str:
    """What identifies the target as it is now: its `version`, or a hash of its source and options; and its prompt."""
    target = suite.spec.target
    own = target.version or target.default_version(suite.folder)
    return own if prompts.version is None else f"{own}+{prompts.version}"
