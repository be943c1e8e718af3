"""What evaluators written for LangSmith return, as verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import jmespath
from langsmith.evaluation import EvaluationResult

from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.python_call import plain
from eval_pipeline.assertions.scope import CheckResult
from eval_pipeline.errors import InputError, Problem


def verdicts_of(returned: Any, assertion: spec.Evaluator) -> list[CheckResult]:
    """A verdict per result: of a bool, a number, text, a mapping, an `EvaluationResult`, or several in a list.

    Raises:
        InputError: it is none of them, there is none, or a score lies outside `scale`.
    """
    if assertion.returns is not None:
        returned = jmespath.search(assertion.returns, returned)
    items = _items(returned)
    if not items:
        raise InputError(Problem(message=f"{assertion.path!r} returned no result", fix="return at least one"))
    return [_verdict(item, assertion) for item in items]


def _items(returned: Any) -> Sequence[Any]:
    if isinstance(returned, Mapping) and set(returned) == {"results"}:
        returned = returned["results"]
    return returned if isinstance(returned, list) else [returned]


def _verdict(returned: Any, assertion: spec.Evaluator) -> CheckResult:
    if isinstance(returned, EvaluationResult):
        returned = returned.model_dump()
    returned = plain(returned)
    if isinstance(returned, bool | int | float):
        returned = {"score": returned}
    elif isinstance(returned, str):
        returned = {"value": returned}
    if not isinstance(returned, Mapping) or not ({"score", "value"} & returned.keys()):
        fix = "return a bool, a number, text, or {key, score or value, comment}, or say by `returns` where these are"
        raise InputError(Problem(message=f"{assertion.path!r} returned {returned!r}", fix=fix))
    score, value, comment = plain(returned.get("score")), plain(returned.get("value")), returned.get("comment")
    name = returned.get("key") or returned.get("name")
    return CheckResult(
        name=None if name is None else str(name),
        passed=score if isinstance(score, bool) else None,
        score=None if score is None else _scaled(score, assertion),
        label=None if value is None else str(value),
        message=str(comment or ""),
    )


def _scaled(score: Any, assertion: spec.Evaluator) -> float:
    if isinstance(score, bool):
        return float(score)
    worst, best = assertion.scale
    scaled = (float(score) - worst) / (best - worst)
    if not 0 <= scaled <= 1:
        message = f"{assertion.path!r} gave the score {score:g}, outside {worst:g} to {best:g}"
        raise InputError(Problem(message=message, fix="give its range as `scale: [worst, best]`"))
    return scaled
