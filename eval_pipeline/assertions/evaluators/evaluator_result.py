"""What evaluators written for LangSmith return, as results of an assertion."""

from collections.abc import Mapping, Sequence
from typing import Any

import jmespath
from langsmith.evaluation import EvaluationResult

from eval_pipeline.assertions.python import plain
from eval_pipeline.assertions.scope import CheckResult
from eval_pipeline.assertions.unbounded import number_of
from eval_pipeline.errors import InputError, Problem


def results_of(
    returned: Any, *, path: str, returns: str | None, scale: tuple[float, float] | None
) -> list[CheckResult]:
    """A result for each of: a bool, a number, text, a mapping, an `EvaluationResult`, or several of them in a list.

    Args:
        returned: what the evaluator returned.
        path: the evaluator's import path, for messages.
        returns: a JMESPath expression from what it returned to a result.
        scale: its worst and best score; None for numbers without bounds.

    Raises:
        InputError: it is none of them, there is none, or a score lies outside `scale`.
    """
    if returns is not None:
        returned = jmespath.search(returns, returned)
    if isinstance(returned, Mapping) and set(returned) == {"results"}:
        returned = returned["results"]
    items: Sequence[Any] = returned if isinstance(returned, list) else [returned]
    if not items:
        raise InputError(Problem(message=f"{path!r} returned no result", fix="return at least one"))
    return [_result(item, path, scale) for item in items]


def _result(returned: Any, path: str, scale: tuple[float, float] | None) -> CheckResult:
    if isinstance(returned, EvaluationResult):
        returned = returned.model_dump()
    returned = plain(returned)
    if isinstance(returned, bool | int | float):
        returned = {"score": returned}
    elif isinstance(returned, str):
        returned = {"value": returned}
    if not isinstance(returned, Mapping) or not ({"score", "value", "comment"} & returned.keys()):
        fix = "return a bool, a number, text, or {key, score, value or comment}; or select these with `returns`"
        raise InputError(Problem(message=f"{path!r} returned {returned!r}", fix=fix))
    score, value, comment = plain(returned.get("score")), plain(returned.get("value")), returned.get("comment")
    name = returned.get("key") or returned.get("name")
    number = score if scale is None and not isinstance(score, bool) else None
    if scale is None:
        scale = (0.0, 1.0)
    return CheckResult(
        name=None if name is None else str(name),
        passed=score if isinstance(score, bool) else None,
        score=None if score is None or number is not None else _scaled(score, path, scale),
        value=None if number is None else number_of(number),
        label=None if value is None else str(value),
        message=str(comment or ""),
    )


def _scaled(score: Any, path: str, scale: tuple[float, float]) -> float:
    if isinstance(score, bool):
        return float(score)
    if not isinstance(score, int | float):
        message = f"{path!r} gave the score {score!r}, which is no number"
        raise InputError(Problem(message=message, fix="return a bool or a number as `score`, and text as `value`"))
    worst, best = scale
    scaled = (float(score) - worst) / (best - worst)
    if not 0 <= scaled <= 1:
        message = f"{path!r} gave the score {score:g}, outside {worst:g} to {best:g}"
        fix = "give its range as `scale: [worst, best]`, or `unbounded: true` if it has none"
        raise InputError(Problem(message=message, fix=fix))
    return scaled
