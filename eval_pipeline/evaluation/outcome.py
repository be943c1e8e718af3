"""The score and the status of an attempt, from the results of its assertions."""

from collections.abc import Sequence

from eval_pipeline.results.case_result import AssertionResult, EvaluationError, Status


def overall_score(results: Sequence[AssertionResult], error: EvaluationError | None = None) -> float | None:
    """The mean of the scores, weighted; None if nothing of weight scored, and for an attempt that is an error."""
    if status_of(results, error) == "error":
        return None
    scored = [(result.score, result.weight) for result in results if result.score is not None and result.weight > 0]
    total = sum(weight for _, weight in scored)
    return sum(value * weight for value, weight in scored) / total if total else None


def status_of(results: Sequence[AssertionResult], error: EvaluationError | None) -> Status:
    """The status of an attempt that was made.

    `error` if the attempt or an assertion of weight broke, `failed` if an assertion of weight did not pass, `unscored`
    if none of weight decided, else `passed`.
    """
    of_weight = [result for result in results if result.weight > 0]
    if error is not None or any(result.error is not None for result in of_weight):
        return "error"
    verdicts = [result.passed for result in of_weight if result.passed is not None]
    if not verdicts:
        return "unscored"
    return "passed" if all(verdicts) else "failed"
