"""The gates on means and shares of a metric: `min_score`, `max_score`, `min_share`, `max_share`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval_pipeline.analysis.case_values import (
    ByCase,
    Row,
    cases_of_metrics,
    label_shares,
    lost_scores,
    score_of_row,
    scores_by_metric,
    together,
    values_by_case,
    values_by_metric,
    verdicts_by_case,
    worst_values,
)
from eval_pipeline.analysis.gates.gate_result import SliceResult
from eval_pipeline.analysis.overall.overall_metric import OverallMetric
from eval_pipeline.analysis.statistics.distribution import distribution
from eval_pipeline.analysis.statistics.estimate import estimate
from eval_pipeline.suite.spec.gates import ScoreGate, ShareGate
from eval_pipeline.wording import counted, nearest


@dataclass(frozen=True, kw_only=True)
class _Mean:
    """A mean with its interval, and what it is of."""

    mean: float
    low: float | None
    high: float | None
    n: int
    values: Mapping[str, Sequence[float]]
    """By case."""
    errors: int
    """Attempts that ended in an error, which count the worst value."""


def check_score(gate: ScoreGate, rows: Sequence[Row], name: str | None, *, least: bool) -> SliceResult:
    """The result of `min_score` (`least`) or `max_score` for the rows of a slice."""
    measured = _metric(gate.metric, rows, least=least)
    if isinstance(measured, str):
        return SliceResult(passed=False, undecided=True, n=len(rows), message=measured)
    return _compared(gate, measured, f"{gate.metric}{_of(name)}", least=least)


def check_share(gate: ShareGate, rows: Sequence[Row], name: str | None, *, least: bool) -> SliceResult:
    """The result of `min_share` (`least`) or `max_share` for the rows of a slice."""
    every = label_shares(rows)
    if gate.metric not in every:
        message = f"no attempt has a label of {gate.metric!r}: {nearest(gate.metric, every, none='nothing has labels')}"
        return SliceResult(passed=False, undecided=True, n=len(rows), message=message)
    shares = every[gate.metric]
    labelled = {case_id: values for by_case in shares.values() for case_id, values in by_case.items()}
    observed = shares.get(gate.label, {case_id: [0.0] * len(values) for case_id, values in labelled.items()})
    lost = lost_scores(rows, {gate.metric: cases_of_metrics(rows).get(gate.metric, set())}).get(gate.metric, {})
    worst = {case_id: [0.0 if least else 1.0] * len(values) for case_id, values in lost.items()}
    rate = estimate(list(together(observed, worst).values()))
    assert rate is not None
    measured = _Mean(
        mean=rate.mean,
        low=rate.low,
        high=rate.high,
        n=rate.n,
        values=together(observed, worst),
        errors=sum(map(len, worst.values())),
    )
    return _compared(gate, measured, f"the share of {gate.metric}={gate.label}{_of(name)}", least=least)


def check_overall(kind: str, gate: ScoreGate, metric: OverallMetric, name: str | None) -> SliceResult:
    """The result of `min_score` or `max_score` on a metric of `summary:`."""
    part = metric if name is None else metric.by_slice.get(name)
    if part is None or part.score is None:
        why = "it is of all cases" if part is None else part.error or part.comment or "it is no number"
        return SliceResult(passed=False, undecided=True, message=f"{gate.metric}{_of(name)} is undecided: {why}")
    measured = _Mean(mean=part.score, low=part.low, high=part.high, n=part.cases, values={}, errors=0)
    return _compared(gate, measured, f"{gate.metric}{_of(name)}", least=kind == "min_score")


def _metric(name: str, rows: Sequence[Row], *, least: bool) -> _Mean | str:
    """The mean of a metric as gates count it, or why there is none."""
    errors = [row for row in rows if row["status"] == "error"]
    if name == "pass_rate":
        return _bounded(verdicts_by_case(rows), {}) or "nothing decided"
    if name == "score":
        lost = values_by_case(errors, lambda _: 0.0 if least else 1.0)
        return _bounded(values_by_case(rows, score_of_row), lost) or "no attempt has a score"
    cases = {name: cases_of_metrics(rows).get(name, set())}
    lost = lost_scores(rows, cases).get(name, {})
    values = values_by_metric(rows).get(name)
    if values is None:
        scores = scores_by_metric(rows).get(name, {})
        worst = {case_id: [0.0 if least else 1.0] * len(each) for case_id, each in lost.items()}
        known = sorted({*scores_by_metric(rows), *values_by_metric(rows)})
        return _bounded(scores, worst) or f"no attempt has a metric {name!r}: {nearest(name, known)}"
    if lost:
        worst_value = worst_values(rows).get(name)
        if worst_value is None:
            count = counted(sum(map(len, lost.values())), "attempt")
            return f"{count} ended in an error, and {name!r} has no bounds: give the assertion `worst`"
        lost = {case_id: [worst_value] * len(each) for case_id, each in lost.items()}
    every = together(values, lost)
    measured = distribution(list(every.values()))
    assert measured is not None
    lost_count = sum(map(len, lost.values()))
    return _Mean(
        mean=measured.mean, low=measured.low, high=measured.high, n=measured.n, values=every, errors=lost_count
    )


def _bounded(scores: ByCase, worst: ByCase) -> _Mean | None:
    values = together(scores, worst)
    mean = estimate(list(values.values()))
    if mean is None:
        return None
    errors = sum(map(len, worst.values()))
    return _Mean(mean=mean.mean, low=mean.low, high=mean.high, n=mean.n, values=values, errors=errors)


def _compared(gate: ScoreGate | ShareGate, measured: _Mean, what: str, *, least: bool) -> SliceResult:
    end = measured.high if least else measured.low
    compared = measured.mean if gate.by == "point" or end is None else end
    excess = gate.threshold - compared if least else compared - gate.threshold
    share = isinstance(gate, ShareGate)
    shown = [f"{value:.1%}" if share else f"{value:.4g}" for value in (measured.mean, gate.threshold)]
    interval = ""
    if measured.low is not None and measured.high is not None:
        ends = [f"{value:.1%}" if share else f"{value:.4g}" for value in (measured.low, measured.high)]
        interval = f"95 % interval {ends[0]} to {ends[1]}, "
    errors = f"; {counted(measured.errors, 'error')} counted as the worst value" if measured.errors else ""
    by = "; the interval is compared" if gate.by == "interval" else ""
    return SliceResult(
        passed=excess <= 0,
        observed=measured.mean,
        low=measured.low,
        high=measured.high,
        n=measured.n,
        excess=excess,
        message=f"{what} {shown[0]} ({interval}n={measured.n}), {'at least' if least else 'at most'} {shown[1]} "
        f"{'required' if least else 'allowed'}{by}{errors}",
        failing_cases=_beyond(measured.values, gate.threshold, least=least),
    )


def _beyond(values: Mapping[str, Sequence[float]], threshold: float, *, least: bool) -> list[str]:
    """The cases whose mean is beyond the threshold, the farthest first."""
    means = {case_id: sum(each) / len(each) for case_id, each in values.items() if each}
    sign = 1 if least else -1
    return sorted(
        (case_id for case_id, mean in means.items() if sign * (mean - threshold) < 0),
        key=lambda case_id: (sign * means[case_id], case_id),
    )


def _of(name: str | None) -> str:
    return "" if name is None else f" of {name}"
