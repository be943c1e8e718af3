"""The assertion that is a Python callable of the user's: `python`."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field, field_validator
from typing_extensions import override

from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.import_path import checked_import_path, resolve
from eval_pipeline.suite.spec.assertion import Assertion, AssertionExample, SuiteFacts
from eval_pipeline.user_code.signature import call_by_signature


class Python(Assertion):
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
    args: Mapping[str, Any] = Field(default_factory=dict)

    examples = (AssertionExample('{type: python, path: "checks.py:is_polite"}', "Tea costs 4.20, thank you", "4.20"),)

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)

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
        return _result_of(returned, path=self.path)

    @override
    def version(self, suite: SuiteFacts) -> Any:
        return suite.source_digest(self.path)

    @override
    def problems(self, suite: SuiteFacts) -> Sequence[Problem]:
        return suite.import_problems(self.path, field="path")


def plain(value: Any) -> Any:
    """A scalar of numpy's, or a tensor that holds one, as Python's own."""
    return value.item() if getattr(value, "shape", None) == () else value


def _result_of(returned: Any, *, path: str) -> CheckResult:
    returned = plain(returned)
    if isinstance(returned, bool):
        return CheckResult(passed=returned, message="passed" if returned else "failed")
    if isinstance(returned, int | float):
        return CheckResult(passed=None, score=_score(returned, path), message=f"score {returned:g}")
    if isinstance(returned, Mapping) and set(returned) <= {"passed", "score", "message", "label"} and returned:
        score = None if returned.get("score") is None else _score(returned["score"], path)
        passed, label = plain(returned.get("passed")), plain(returned.get("label"))
        return CheckResult(
            passed=None if passed is None else bool(passed),
            score=score,
            message=str(returned.get("message", "")),
            label=None if label is None else str(label),
        )
    fix = "return a bool, a number in [0, 1], or a mapping with `passed`, `score`, `message`, `label`"
    raise InputError(Problem(message=f"{path!r} returned {returned!r}", fix=fix))


def _score(value: float, path: str) -> float:
    score = float(value)
    if not 0 <= score <= 1:
        raise InputError(Problem(message=f"{path!r} gave the score {score:g}", fix="scale scores into [0, 1]"))
    return score
