"""The assertion that is an evaluator written for LangSmith, openevals or agentevals: `evaluator`."""

import functools
import inspect
import json
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import jmespath
from langsmith.evaluation import RunEvaluator
from langsmith.schemas import Example, Run
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.assertions.evaluators.evaluated_run import EvaluatedRun
from eval_pipeline.assertions.evaluators.evaluator_result import results_of
from eval_pipeline.assertions.json_value import parse_json
from eval_pipeline.assertions.python import function_name, label_problems
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.assertions.unbounded import MayBeUnbounded
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.code.returned_values import ReturnedValue
from eval_pipeline.suite.code.version import missing_files
from eval_pipeline.suite.import_path import checked_import_path, resolve
from eval_pipeline.suite.spec.assertion import AssertionExample, SuiteFacts
from eval_pipeline.user_code.signature import call_by_signature, required_names

_WITHOUT_RUNS = ("outputs", "inputs", "reference_outputs", "example", "attachments")
"""What evaluators may be called with besides `run`."""
_FACTORY_CACHE = 256
"""Evaluators of factories that are kept, by factory and arguments."""


class Evaluator(MayBeUnbounded):
    """An evaluator written for LangSmith, openevals or agentevals, unchanged.

    It is called with those of `inputs, outputs, reference_outputs, run, example, attachments` that its signature names,
    or with run and example by position, and gets what LangSmith's `evaluate` gives: `inputs` of the example; `outputs`,
    what the target returned; of text, `{output: text}`, in which `response`, the text again, and `messages`, the
    conversation as OpenAI-style messages, are found by their keys; `reference_outputs`, the reference; `run`, the
    attempt's run with all runs below it in `child_runs`; `example` with the ids of the dataset; `attachments` with
    their readers.
    """

    type: Literal["evaluator"]
    path: str
    """The evaluator; or, with `factory`, what makes one; or a class of `RunEvaluator`."""
    factory: bool = False
    """`path` is called with `args`, and returns the evaluator: openevals' `create_llm_as_judge` and its like."""
    args: Mapping[str, Any] = Field(default_factory=dict)
    """By name, for the factory or for the evaluator itself. `{import: "package.module:NAME"}` is the object so named,
    such as a prompt of `openevals.prompts`."""
    give: Mapping[str, str] = Field(default_factory=dict)
    """Other things to call it with: from the parameter's name to a JMESPath expression over `{inputs, outputs,
    reference_outputs, metadata, recording, json}`, where `json` is the last answer, read as JSON. For evaluators that
    expect text: `{outputs: outputs.response, reference_outputs: reference_outputs.answer}`."""
    returns: str | None = None
    """A JMESPath expression from what it returns to a result, for judges with a schema of their own:
    `{score: are_equal, comment: justification}`."""
    version_files: tuple[str, ...] = ()
    """Files that the evaluator reads, which its version covers besides what its source imports and names: patterns."""
    scale: tuple[float, float] = (0.0, 1.0)
    """The evaluator's worst and best score; scores are mapped from it into [0, 1]."""

    needs_runs: ClassVar[bool] = True
    examples = (AssertionExample('{type: evaluator, path: "checks.py:exact"}', "the reference", "another answer"),)

    calls_user_code = True

    @field_validator("args")
    @classmethod
    def _imports_are_paths(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        for path in _import_paths(value):
            checked_import_path(path)
        return value

    @field_validator("give", "returns")
    @classmethod
    def _are_expressions(cls, value: Any) -> Any:
        for text in value.values() if isinstance(value, Mapping) else [value]:
            try:
                jmespath.compile(text)
            except jmespath.exceptions.JMESPathError as error:
                reason = {"text": text, "reason": str(error).splitlines()[0], "fix": "see jmespath.org"}
                raise PydanticCustomError("jmespath", "'{text}' is not JMESPath: {reason}", reason) from error
        return value

    @field_validator("scale")
    @classmethod
    def _has_width(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] == value[1]:
            raise PydanticCustomError("scale", "a scale needs two different ends", {"fix": "write [worst, best]"})
        return value

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)

    @override
    async def check(self, scope: Scope) -> list[CheckResult]:
        evaluator = self.evaluator(scope.folder)
        attempt = EvaluatedRun(scope)
        if isinstance(evaluator, RunEvaluator):
            returned = await _evaluated(evaluator, attempt.run(), attempt.example())
        else:
            returned = await call_by_signature(evaluator, self._arguments(evaluator, scope, attempt))
        return results_of(returned, path=self.path, returns=self.returns, scale=None if self.unbounded else self.scale)

    @property
    @override
    def metric(self) -> str:
        # openevals and agentevals name the metric of what their factories make by this argument.
        key = self.args.get("feedback_key") if self.factory else None
        return self.name or (key if isinstance(key, str) else function_name(self.path))

    @override
    def metrics(self, suite: SuiteFacts) -> Collection[str] | None:
        if self.name is not None:
            return (self.name,)
        returned = self._returned(suite)
        if returned is None or any(value.names_metric for value in returned):
            return None
        return {value.key or self.metric for value in returned}

    @override
    def may_decide(self, suite: SuiteFacts) -> bool:
        returned = self._returned(suite)
        if returned is None:
            return True
        return not all(value.only_labels or (value.only_scores and self.threshold is None) for value in returned)

    def _returned(self, suite: SuiteFacts) -> Collection[ReturnedValue] | None:
        """What it may return, as far as its source says; None if it does not."""
        return None if self.factory or self.returns is not None else suite.returned_values(self.path) or None

    @override
    def version(self, suite: SuiteFacts) -> Any:
        imported = [suite.source_digest(path) for path in _import_paths(self.args)]
        return [suite.source_digest(self.path, self.version_files), *imported, *suite.named_in(self.args)]

    @override
    def scores_stored(self, folder: Path) -> bool:
        try:
            evaluator = self.evaluator(folder)
            required, parameters = required_names(evaluator), inspect.signature(evaluator).parameters
        except Exception:  # noqa: BLE001 - the attempt fails with the same error
            return True
        given = {*_WITHOUT_RUNS, *self.give, *([] if self.factory else self.args)}
        by_position = len(required) == 2 and not {*required} <= given  # noqa: PLR2004 - LangSmith's older form
        return not (isinstance(evaluator, RunEvaluator) or by_position or "run" in parameters)

    @override
    def code_paths(self, suite: SuiteFacts) -> Iterable[str]:
        yield self.path
        yield from _import_paths(self.args)

    @override
    def problems(self, suite: SuiteFacts) -> Iterable[Problem]:
        path_problems = suite.import_problems(self.path, field="path")
        yield from path_problems
        yield from missing_files(self.version_files, folder=suite.folder)
        for path in _import_paths(self.args):
            yield from suite.import_problems(path, field="args")
        if not path_problems:
            yield from label_problems(self, self._returned(suite))
        if not self.factory and not path_problems:
            problem = _form_problem(resolve(self.path, folder=suite.folder), path=self.path)
            if problem is not None:
                yield replace(problem, field="path")

    def evaluator(self, folder: Path) -> Any:
        """The evaluator itself. What a factory returns is kept for equal arguments.

        Raises:
            InputError: nothing can be imported from `path`, or what it names is no evaluator.
            Exception: whatever a factory raises.
        """
        named = resolve(self.path, folder=folder)
        as_run_evaluator: Any = getattr(named, "as_run_evaluator", None)
        if as_run_evaluator is not None:  # LangChain's string evaluators
            named = as_run_evaluator()
        if self.factory or (inspect.isclass(named) and issubclass(named, RunEvaluator)):
            named = _constructed(named, json.dumps(dict(self.args), sort_keys=True, default=str), folder)
        if (problem := _form_problem(named, path=self.path)) is not None:
            raise InputError(problem)
        return named

    def _arguments(self, evaluator: Any, scope: Scope, attempt: EvaluatedRun) -> dict[str, Any]:
        """What the evaluator is called with, by name."""
        parameters = inspect.signature(evaluator).parameters
        required = required_names(evaluator)
        own = {} if self.factory else _with_imports(dict(self.args), scope.folder)
        own |= {name: _selected(text, name, scope, attempt) for name, text in self.give.items()}
        offered: dict[str, Callable[[], Any]] = {
            "outputs": lambda: attempt.outputs,
            "inputs": lambda: attempt.inputs,
            "reference_outputs": lambda: attempt.reference,
            "run": attempt.run,
            "example": attempt.example,
            "attachments": lambda: attempt.attachments,
        }
        if len(required) == 2 and not {*required} <= {*offered, *own}:  # noqa: PLR2004 - LangSmith's older form, by position
            return dict(zip(required, (attempt.run(), attempt.example()), strict=True))
        if len(required) == 1 and required[0] not in offered and required[0] not in own:
            return {"outputs": attempt.outputs, **own}  # whose first value goes to that one
        # What only `**kwargs` could take is not passed, as LangSmith does not; no reference is as good as an empty one.
        named = [name for name in offered if name in parameters and name not in own]
        if not attempt.reference and "reference_outputs" in named and "reference_outputs" not in required:
            named.remove("reference_outputs")
        return {name: offered[name]() for name in named} | own


async def _evaluated(evaluator: RunEvaluator, run: Run, example: Example) -> Any:
    """What a `RunEvaluator` returns: its coroutine if it has one of its own, else its method in a thread."""
    own_async = type(evaluator).aevaluate_run is not RunEvaluator.aevaluate_run
    method = evaluator.aevaluate_run if own_async else evaluator.evaluate_run
    given: dict[str, Any] = {"run": run, "example": example, "evaluator_run_id": uuid.uuid4()}
    names = inspect.signature(method).parameters
    if {"run", "example"} <= names.keys():
        return await call_by_signature(method, {name: value for name, value in given.items() if name in names})
    return await call_by_signature(method, dict(zip(names, given.values(), strict=False)))  # by position


@functools.lru_cache(maxsize=_FACTORY_CACHE)
def _constructed(factory: Any, args: str, folder: Path) -> Any:
    return factory(**_with_imports(json.loads(args), folder))


def _with_imports(value: Any, folder: Path) -> Any:
    """`value` with every `{import: …}` in it replaced by what it names."""
    path = _import_of(value)
    if path is not None:
        return resolve(path, folder=folder)
    if isinstance(value, Mapping):
        return {key: _with_imports(item, folder) for key, item in value.items()}
    return [_with_imports(item, folder) for item in value] if isinstance(value, list | tuple) else value


def _import_paths(args: Any) -> Iterator[str]:
    """The import paths in arguments, at any depth."""
    path = _import_of(args)
    if path is not None:
        yield path
    elif isinstance(args, Mapping):
        for item in args.values():
            yield from _import_paths(item)
    elif isinstance(args, list | tuple):
        for item in args:
            yield from _import_paths(item)


def _import_of(value: Any) -> str | None:
    """The import path that an argument `{import: …}` names, or None if it is another value."""
    return value["import"] if isinstance(value, Mapping) and set(value) == {"import"} else None


def _selected(text: str, name: str, scope: Scope, attempt: EvaluatedRun) -> Any:
    """What the expression of `give` selects for the parameter `name`."""
    source: dict[str, Any] = {
        "inputs": attempt.inputs,
        "outputs": attempt.outputs,
        "reference_outputs": attempt.reference,
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


def _form_problem(evaluator: Any, *, path: str) -> Problem | None:
    """Why `evaluator` cannot score one case; None if nothing speaks against it."""
    try:
        names = set(inspect.signature(evaluator).parameters)
    except (TypeError, ValueError):
        names = set()
    if hasattr(evaluator, "compare_runs") or {"runs", "example"} <= names:
        reason = "it compares the runs of several experiments"
        fix = f"`eval-pipeline compare A B --evaluator {path}`, or assert `llm_preference`, which compares two answers"
    elif names & {"runs", "examples"}:
        reason = "it is a summary evaluator: it scores a whole experiment"
        fix = f"name it under `summary:` of suite.yaml: `summary: [{{evaluator: {path!r}}}]`"
    else:
        return None
    return Problem(message=f"{path!r} cannot be an assertion: {reason}", fix=fix)
