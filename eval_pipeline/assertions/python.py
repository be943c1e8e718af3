"""The assertion that is a Python callable of the user's: `python`."""

import copy
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field, field_validator
from typing_extensions import override

from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.assertions.unbounded import MayBeUnbounded, number_of
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.code.returned_values import ReturnedValue
from eval_pipeline.suite.code.version import missing_files
from eval_pipeline.suite.import_path import checked_import_path, resolve
from eval_pipeline.suite.spec.assertion import Assertion, AssertionExample, SuiteFacts
from eval_pipeline.user_code.signature import call_by_signature


class Python(MayBeUnbounded):
    """A callable of yours, sync or async.

    It is called with those of the values below that its signature names, and with the assertion's `args` by name:

        response    the last answer              turns      list of {index, input, response, events, latency_s}
        events      all events in scope          context    the SharedContext, or None
        case        the case, as plain data      reference  the case's reference
        metadata    the case's metadata          recording  what was recorded of the attempt

    It returns a bool, a number in [0, 1], or a mapping with `passed`, `score`, `message`, `label`.
    """

    type: Literal["python"]
    path: str
    """`file.py:attribute` of the suite's folder, or `package.module:attribute`."""
    args: Mapping[str, Any] = Field(default_factory=dict)
    """Further arguments of the callable, by name."""
    version_files: tuple[str, ...] = ()
    """Files that the callable reads, which its version covers besides what its source imports and names: patterns."""

    examples = (AssertionExample('{type: python, path: "checks.py:is_polite"}', "Tea costs 4.20, thank you", "4.20"),)

    calls_user_code = True

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)

    @property
    @override
    def metric(self) -> str:
        return self.name or function_name(self.path)

    @override
    def may_decide(self, suite: SuiteFacts) -> bool:
        returned = suite.returned_values(self.path)
        decides = [
            not value.only_labels and (self.threshold is not None or not value.only_scores) for value in returned
        ]
        return any(decides) or not decides

    @override
    async def check(self, scope: Scope) -> CheckResult:
        values = {
            "response": scope.response,
            "turns": [asdict(turn) for turn in scope.turns],
            "events": [dict(event) for event in scope.events],
            "case": scope.case.as_data(recordings=False),
            "reference": copy.deepcopy(scope.case.reference),
            "metadata": dict(scope.case.metadata),
            "recording": dict(scope.recording),
            "context": scope.context,
            **self.args,
        }
        returned = await call_by_signature(resolve(self.path, folder=scope.folder), values)
        return _result_of(returned, path=self.path, unbounded=self.unbounded)

    @override
    def version(self, suite: SuiteFacts) -> Any:
        return [suite.source_digest(self.path, self.version_files), *suite.named_in(self.args)]

    @override
    def code_paths(self, suite: SuiteFacts) -> Iterable[str]:
        yield self.path

    @override
    def problems(self, suite: SuiteFacts) -> Iterable[Problem]:
        path_problems = suite.import_problems(self.path, field="path")
        yield from path_problems
        if not path_problems:
            yield from label_problems(self, suite.returned_values(self.path))
        yield from missing_files(self.version_files, folder=suite.folder)


def function_name(path: str) -> str:
    """The name of what an import path names, which is that of its metric."""
    return path.rpartition(":")[2].rpartition(".")[2]


def label_problems(assertion: Assertion, returned: Collection[ReturnedValue] | None) -> Iterable[Problem]:
    """A problem if the assertion has a threshold and its callable returns nothing but labels."""
    if assertion.threshold is not None and returned and all(value.only_labels for value in returned):
        message = f"{assertion.metric!r} returns labels, which no `threshold` decides by"
        gate = f"`min_share: {{metric: {assertion.metric}, label: …, threshold: …}}`"
        fix = f"leave it out; a gate decides by the share of a label: {gate}"
        yield Problem(message=message, fix=fix, field="threshold")


def plain(value: Any) -> Any:
    """A scalar of numpy's, or a tensor that holds one, as Python's own."""
    return value.item() if getattr(value, "shape", None) == () else value


def _result_of(returned: Any, *, path: str, unbounded: bool) -> CheckResult:
    returned = plain(returned)
    if isinstance(returned, bool):
        return CheckResult(passed=returned, message="passed" if returned else "failed")
    if unbounded and isinstance(returned, int | float):
        return CheckResult(passed=None, value=number_of(returned), message=f"{returned:g}")
    if isinstance(returned, int | float):
        return CheckResult(passed=None, score=_score(returned, path), message=f"score {returned:g}")
    if isinstance(returned, Mapping) and set(returned) <= {"passed", "score", "message", "label"} and returned:
        passed, label = plain(returned.get("passed")), plain(returned.get("label"))
        score = plain(returned.get("score"))
        if isinstance(score, bool) and passed is None:
            passed = score
        if passed is not None and not isinstance(passed, bool):
            message = f"{path!r} returned `passed: {passed!r}`, which is no bool"
            raise InputError(Problem(message=message, fix="return True or False as `passed`"))
        value = score if unbounded and not isinstance(score, bool) else None
        return CheckResult(
            passed=passed,
            score=None if score is None or value is not None else _score(score, path),
            value=None if value is None else number_of(value),
            message=str(returned.get("message", "")),
            label=None if label is None else str(label),
        )
    fix = "return a bool, a number in [0, 1], or a mapping with `passed`, `score`, `message`, `label`"
    raise InputError(Problem(message=f"{path!r} returned {returned!r}", fix=fix))


def _score(value: Any, path: str) -> float:
    if not isinstance(value, int | float):
        message = f"{path!r} gave the score {value!r}, which is no number"
        raise InputError(Problem(message=message, fix="return a number in [0, 1] as `score`"))
    score = float(value)
    if not 0 <= score <= 1:
        fix = "scale scores into [0, 1], or set `unbounded: true`"
        raise InputError(Problem(message=f"{path!r} gave the score {score:g}", fix=fix))
    return score
