"""A Python callable as an assertion.

It gets those of the values below that its signature asks for, and the assertion's `args` by name:

    response    the last answer                        turns      list of {index, input, response, events, latency_s}
    events      all events in scope                    context    the SharedContext, or None
    case        the case, as plain data                reference  the case's reference
    metadata    the case's metadata                    recording  what was recorded of the attempt

and returns a bool, a number in [0, 1], or a mapping with `passed`, `score`, `message`, `label`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.user_code.signature import call_with_known


async def python_call(assertion: spec.Python, scope: Scope) -> CheckResult:
    """Whatever the callable says.

    Raises:
        InputError: it asks for what is not known, or returned something else.
    """
    known = {
        "response": scope.response,
        "turns": [asdict(turn) for turn in scope.turns],
        "events": [dict(event) for event in scope.events],
        "case": scope.case.model_dump(mode="json", exclude={"recordings"}),
        "reference": dict(scope.case.reference),
        "metadata": dict(scope.case.metadata),
        "recording": dict(scope.recording),
        "context": scope.context,
        **assertion.args,
    }
    return verdict_of(await call_with_known(resolve(assertion.path, folder=scope.folder), known), path=assertion.path)


def verdict_of(returned: Any, *, path: str) -> CheckResult:
    """What a callable returned, as a verdict.

    Raises:
        InputError: it is none of bool, number in [0, 1], or mapping.
    """
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


def plain(value: Any) -> Any:
    """A scalar of numpy's, or a tensor that holds one, as Python's own."""
    return value.item() if getattr(value, "shape", None) == () else value


def _score(value: float, path: str) -> float:
    score = float(value)
    if not 0 <= score <= 1:
        raise InputError(Problem(message=f"{path!r} gave the score {score:g}", fix="scale scores into [0, 1]"))
    return score
