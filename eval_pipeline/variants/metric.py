"""The number that variants are compared by, of each case that was attempted: its mean over the attempts.

Belongs here: taking it from rows. Does not belong here: comparing (`halving.py`, `deciding.py`).
"""

from collections.abc import Iterable
from statistics import fmean

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.experiment.case_values import (
    ByCase,
    Row,
    attempts_made,
    scores_by_assertion,
    values_by_case,
    verdicts_by_case,
)

METRIC_COLUMNS = ["status", "score", "assertions"]
"""Of the result log, what it takes."""
_OF_THE_ROW = {"pass_rate": "pass rate", "score": "score"}


def metric_by_case(rows: Iterable[Row], metric: str) -> dict[str, float]:
    """The metric of each case.

    Args:
        rows: with `METRIC_COLUMNS`.
        metric: `pass_rate`, `score`, or an assertion's name.

    Raises:
        InputError: no attempt has a score of that name, though some have others.
    """
    return {case_id: fmean(values) for case_id, values in _values(attempts_made(rows), metric).items()}


def shown_metric(metric: str) -> str:
    """What people call it."""
    return _OF_THE_ROW.get(metric, metric)


def _values(rows: list[Row], metric: str) -> ByCase:
    if metric == "pass_rate":
        return verdicts_by_case(rows)
    if metric == "score":
        return values_by_case(rows, lambda row: row["score"])
    scores = scores_by_assertion(rows)
    if metric not in scores and scores:
        fix = f"use pass_rate, score, or one of: {', '.join(scores)}"
        raise InputError(Problem(message=f"no attempt has a score called {metric!r}", fix=fix))
    return scores.get(metric, {})
