"""Evaluators written for LangSmith, openevals or agentevals, unchanged."""

import functools
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jmespath
from langsmith.evaluation import RunEvaluator

from eval_pipeline.assertions.evaluated_run import EvaluatedRun
from eval_pipeline.assertions.evaluator_result import verdicts_of
from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.fields.code import import_of
from eval_pipeline.assertions.fields.evaluator_form import refused_form
from eval_pipeline.assertions.json_text import parse_json
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.user_code.signature import call_with_known, required_names

_MADE = 256


async def evaluator(assertion: spec.Evaluator, scope: Scope) -> list[CheckResult]:
    """What the evaluator returns, one verdict per result.

    Raises:
        InputError: it cannot score one case, asks for what is not known, or returned what LangSmith would not accept.
    """
    found = _found(assertion, scope.folder)
    seen = EvaluatedRun(scope)
    if isinstance(found, RunEvaluator):
        returned = await found.aevaluate_run(seen.run(), seen.example())
    else:
        returned = await call_with_known(found, _known(found, assertion, scope, seen))
    return verdicts_of(returned, assertion)


def _found(assertion: spec.Evaluator, folder: Path) -> Any:
    """The evaluator itself. One that had to be made is made once for equal arguments."""
    found = resolve(assertion.path, folder=folder)
    if assertion.factory or (inspect.isclass(found) and issubclass(found, RunEvaluator)):
        found = _made(found, json.dumps(dict(assertion.args), sort_keys=True, default=str), folder)
    refused = refused_form(found)
    if refused is not None:
        message, fix = refused
        raise InputError(Problem(message=f"{assertion.path!r} cannot be an assertion: {message}", fix=fix))
    return found


@functools.lru_cache(maxsize=_MADE)
def _made(factory: Any, args: str, folder: Path) -> Any:
    return factory(**_imported(json.loads(args), folder))


def _imported(value: Any, folder: Path) -> Any:
    """`value` with every `{import: …}` in it replaced by what it names."""
    path = import_of(value)
    if path is not None:
        return resolve(path, folder=folder)
    if isinstance(value, Mapping):
        return {key: _imported(item, folder) for key, item in value.items()}
    return [_imported(item, folder) for item in value] if isinstance(value, list | tuple) else value


def _known(found: Any, assertion: spec.Evaluator, scope: Scope, seen: EvaluatedRun) -> dict[str, Any]:
    """What the evaluator is called with, by name."""
    parameters = inspect.signature(found).parameters
    required = required_names(found)
    own = {} if assertion.factory else _imported(dict(assertion.args), scope.folder)
    own |= {name: _given(text, name, scope, seen) for name, text in assertion.give.items()}
    offered = {
        "outputs": lambda: seen.outputs,
        "inputs": lambda: seen.inputs,
        "reference_outputs": lambda: seen.reference,
        "run": seen.run,
        "example": seen.example,
        "attachments": dict,
    }
    if len(required) == 2 and not {*required} & {*offered, *own}:  # noqa: PLR2004 - LangSmith's older form, by position
        return dict(zip(required, (seen.run(), seen.example()), strict=True))
    if len(required) == 1 and required[0] not in offered and required[0] not in own:
        return {"outputs": seen.outputs, **own}  # whose first value goes to that one
    # What only `**kwargs` could take is not passed, as LangSmith does not; no reference is as good as an empty one.
    named = [name for name in offered if name in parameters and name not in own]
    if not seen.reference and "reference_outputs" in named and "reference_outputs" not in required:
        named.remove("reference_outputs")
    return {name: offered[name]() for name in named} | own


def _given(text: str, name: str, scope: Scope, seen: EvaluatedRun) -> Any:
    source: dict[str, Any] = {
        "inputs": seen.inputs,
        "outputs": seen.outputs,
        "reference_outputs": seen.reference,
        "metadata": dict(scope.case.metadata),
        "recording": dict(scope.recording),
    }
    if "json" in text:
        try:
            source["json"] = parse_json(scope.response)
        except ValueError:
            source["json"] = None
    value = jmespath.search(text, source)
    if value is None:
        fix = "correct the expression, or give the case what it asks for"
        raise InputError(Problem(message=f"there is nothing at {text!r}", fix=fix, field=f"give.{name}"))
    return value
