"""The built-in metrics over all cases: predicted against expected, and metrics reduced to one value a case."""

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

import jmespath

from eval_pipeline.analysis.case_values import (
    Row,
    assertions_of,
    metric_labels,
    metric_scores,
    metric_values,
)
from eval_pipeline.analysis.overall.overall_metric import OverallMetric
from eval_pipeline.analysis.statistics.classification import (
    Confusion,
    Floats,
    accuracy,
    bootstrap_interval,
    correlation_interval,
    correlations,
    f1,
    precision,
    recall,
)
from eval_pipeline.analysis.statistics.distribution import distribution
from eval_pipeline.analysis.statistics.estimate import estimate
from eval_pipeline.content.text import json_text
from eval_pipeline.suite.spec.summary import SummaryMetric
from eval_pipeline.wording import counted

_OF_LABELS: Mapping[str, Callable[[Floats, int | None], float]] = {"precision": precision, "recall": recall, "f1": f1}

Part = Callable[[Row], Mapping[str, Any]]
"""From a row to what expressions can name of it."""


def measured(metric: SummaryMetric, rows: Sequence[Row], part: Part) -> OverallMetric:
    """A metric that compares, or reduces, of the rows of attempts that were made.

    An attempt that ended in an error predicted nothing: it is counted as `(error)`, which is never expected, and left
    out of correlations; reduced, it does not pass and has no value.
    """
    return _reduced(metric, rows) if metric.reduce is not None else _compared(metric, rows, part)


def _compared(metric: SummaryMetric, rows: Sequence[Row], part: Part) -> OverallMetric:
    predicted: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    missing = 0
    for row in rows:
        expected = jmespath.search(metric.expected or "", part(row))
        if expected is None:
            missing += 1
        else:
            predicted[row["case_id"]].append((_prediction(metric, row, part), expected))
    comment = f"{counted(missing, 'attempt')} left out: nothing at {metric.expected}" if missing else ""
    if not predicted:
        return OverallMetric(name=metric.title, score=None, comment=comment or "no attempt was made")
    if metric.measure == "correlation":
        return _correlated(metric, predicted, comment)
    pairs = [[(_label(one), _label(other)) for one, other in each] for each in predicted.values()]
    confusion = Confusion.of(pairs)
    table, cases = confusion.table(), len(pairs)
    if metric.measure in (None, "confusion"):
        return OverallMetric(name=metric.title, score=None, value=table, cases=cases, comment=comment)
    place = None
    if metric.positive is not None:
        if _label(metric.positive) not in confusion.labels:
            why = f"the label {_label(metric.positive)!r} is neither predicted nor expected"
            return OverallMetric(name=metric.title, score=None, cases=cases, value=table, comment=why)
        place = confusion.labels.index(_label(metric.positive))
    of_labels = _OF_LABELS.get(metric.measure or "")
    measure: Callable[[Floats], float] = accuracy
    if of_labels is not None:
        measure = functools.partial(_of_one_label, of_labels, place)
    low, high = bootstrap_interval(confusion.counts, measure)
    score = measure(confusion.counts.sum(axis=0))
    return OverallMetric(
        name=metric.title,
        score=score,
        low=min(low, score),
        high=max(high, score),
        value=table,
        cases=cases,
        comment=comment,
    )


def _of_one_label(measure: Callable[[Floats, int | None], float], place: int | None, table: Floats) -> float:
    return measure(table, place)


def _correlated(
    metric: SummaryMetric, predicted: Mapping[str, Sequence[tuple[Any, Any]]], comment: str
) -> OverallMetric:
    pairs = []
    for each in predicted.values():
        numbers = [(_number(one), _number(other)) for one, other in each]
        valid = [(one, other) for one, other in numbers if one is not None and other is not None]
        if valid:
            pairs.append((fmean(one for one, _ in valid), fmean(other for _, other in valid)))
    both = correlations(pairs)
    if both is None:
        why = "too few cases with two numbers, or one side never varies"
        return OverallMetric(name=metric.title, score=None, cases=len(pairs), comment=why)
    low, high = correlation_interval(pairs) or (None, None)
    return OverallMetric(
        name=metric.title, score=both["spearman"], low=low, high=high, value=both, cases=len(pairs), comment=comment
    )


def _prediction(metric: SummaryMetric, row: Row, part: Part) -> Any:
    if row["status"] == "error":
        return None
    if metric.predicted is not None:
        return jmespath.search(metric.predicted, part(row))
    name = metric.metric or ""
    labels = metric_labels(row).get(name)
    return labels[-1] if labels else {**metric_scores(row), **metric_values(row)}.get(name)


def _label(value: Any) -> str:
    """A label as text; what was not predicted is `(error)`."""
    if value is None:
        return "(error)"
    return value if isinstance(value, str) else json_text(value)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _reduced(metric: SummaryMetric, rows: Sequence[Row]) -> OverallMetric:
    """The mean over cases of what the attempts at each become."""
    name, by_case = metric.metric or "", defaultdict[str, list[Any]](list)
    for row in rows:
        value = _passes(row, name) if metric.reduce == "at_least" else _value(row, name)
        if value is not None:
            by_case[row["case_id"]].append(value)
    if not by_case:
        return OverallMetric(name=metric.title, score=None, comment=f"no attempt has a metric {name!r}")
    reduced = {case_id: _REDUCERS[metric.reduce or "mean"](values, metric.k) for case_id, values in by_case.items()}
    if any(isinstance(value, str) for value in reduced.values()):
        shares = {label: count / len(reduced) for label, count in Counter(map(str, reduced.values())).most_common()}
        return OverallMetric(name=metric.title, score=None, value=shares, cases=len(reduced))
    numbers = [[float(value)] for value in reduced.values()]
    bounded = all(0 <= value[0] <= 1 for value in numbers)
    mean = estimate(numbers) if bounded else distribution(numbers)
    assert mean is not None
    return OverallMetric(name=metric.title, score=mean.mean, low=mean.low, high=mean.high, cases=mean.cases)


def _value(row: Row, name: str) -> Any:
    labels = metric_labels(row).get(name)
    number = {**metric_values(row), **metric_scores(row)}.get(name)
    return number if number is not None else labels[-1] if labels else None


def _passes(row: Row, name: str) -> bool | None:
    """Whether an attempt passes by a metric; None for an attempt without it. An error does not pass."""
    if row["status"] == "error":
        return False
    verdicts = [item["passed"] for item in assertions_of(row).get(name, ()) if item["passed"] is not None]
    return all(verdicts) if verdicts else None


def _mode(values: Iterable[Any]) -> Any:
    """The most frequent value; of several the lowest, as a draw does not speak for the better one."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


_REDUCERS: Mapping[str, Callable[[Sequence[Any], int | None], Any]] = {
    "mean": lambda values, _: fmean(values),
    "median": lambda values, _: median(values),
    "mode": lambda values, _: _mode(values),
    "max": lambda values, _: max(values),
    "min": lambda values, _: min(values),
    "at_least": lambda values, k: sum(map(bool, values)) >= (k or 1),
}
