"""The number that variants are compared by, of each case that was attempted: its mean over the attempts."""

from collections.abc import Iterable
from statistics import fmean

from eval_pipeline.analysis.case_values import (
    ByCase,
    Row,
    attempts_made,
    cases_of_metrics,
    lost_scores,
    score_or_worst,
    scores_by_metric,
    together,
    values_by_case,
    verdicts_by_case,
)
from eval_pipeline.errors import InputError, Problem

METRIC_COLUMNS = ["status", "score", "assertions"]
"""Of the result log, what it takes."""
_OF_THE_ROW = {"pass_rate": "pass rate", "score": "score"}


def metric_by_case(rows: Iterable[Row], metric: str) -> dict[str, float]:
    """The metric of each case. An attempt that ended in an error counts as 0, as it does in the pass rate.

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
        return values_by_case(rows, score_or_worst)
    scores, cases = scores_by_metric(rows), cases_of_metrics(rows)
    if metric not in cases and scores:
        fix = f"use pass_rate, score, or one of: {', '.join(scores)}"
        raise InputError(Problem(message=f"no attempt has a score called {metric!r}", fix=fix))
    # Left out, errors would leave their cases out of the pairs, and a variant that breaks on what is hard would win.
    lost = lost_scores(rows, {metric: cases.get(metric, {row["case_id"] for row in rows})})
    return together(scores.get(metric, {}), lost.get(metric, {}))
