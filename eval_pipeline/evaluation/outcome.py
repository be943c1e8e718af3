"""The score and the status of an attempt, from the results of its assertions."""

from collections.abc import Sequence

from eval_pipeline.results.case_result import AssertionResult, Ended, EvaluationError, Status
from eval_pipeline.suite.spec.assertion import Assertion


def overall_score(results: Sequence[AssertionResult], error: EvaluationError | None = None) -> float | None:
    """The mean of the scores, weighted; None if nothing of weight scored, and for an attempt that is an error."""
    if status_of(results, error) == "error":
        return None
    scored = [(result.score, result.weight) for result in results if result.score is not None and result.weight > 0]
    total = sum(weight for _, weight in scored)
    return sum(value * weight for value, weight in scored) / total if total else None


def status_of(results: Sequence[AssertionResult], error: EvaluationError | None, limit: str | None = None) -> Status:
    """The status of an attempt that was made.

    `error` if the attempt or an assertion of weight broke, `limit` if a limit was reached, `failed` if an assertion of
    weight did not pass, `unscored` if none of weight decided, else `passed`.
    """
    of_weight = [result for result in results if result.weight > 0]
    if error is not None or any(result.error is not None for result in of_weight):
        return "error"
    if limit is not None:
        return "limit"
    verdicts = [result.passed for result in of_weight if result.passed is not None]
    if not verdicts:
        return "unscored"
    return "passed" if all(verdicts) else "failed"


def never_reached(assertion: Assertion, turn: int) -> AssertionResult:
    """The result of an assertion on a turn that a recording ended before."""
    return AssertionResult(
        name=assertion.metric,
        type=assertion.type,
        turn=turn,
        passed=False,
        score=0.0,
        weight=assertion.weight,
        message="the conversation ended before this turn",
        worst=assertion.worst_value,
    )


def goal_result(ended: Ended | None, reason: str) -> AssertionResult:
    """The result of a simulated conversation whose goal has to be reached."""
    reached = ended == "goal_reached"
    return AssertionResult(
        name="goal_reached",
        type="simulation",
        turn=None,
        passed=reached,
        score=float(reached),
        weight=1.0,
        message=f"{ended}: {reason}",
    )
