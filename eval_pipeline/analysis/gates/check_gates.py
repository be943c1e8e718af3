"""Check an experiment against the gates of its suite."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from eval_pipeline.analysis.case_values import (
    Row,
    attempts_made,
    cases_of_metrics,
    cost_of,
    errors_by_case,
    is_unpriced,
    metric_scores,
    total_cost,
    undecided_metrics,
    values_by_case,
    verdicts_by_case,
)
from eval_pipeline.analysis.comparison.comparison import Comparison
from eval_pipeline.analysis.gates.gate_result import GateResult, SliceResult
from eval_pipeline.analysis.gates.regression import check_regressions
from eval_pipeline.analysis.gates.scores import check_overall, check_score, check_share
from eval_pipeline.analysis.gates.thresholds import at_least, at_most
from eval_pipeline.analysis.overall.overall_metric import OverallMetric
from eval_pipeline.analysis.slices import Members, in_slice, matching
from eval_pipeline.analysis.statistics.estimate import estimate, percentile_interval, percentiles
from eval_pipeline.suite.spec.gates import Gate, Gates, LimitGate, RateGate, RegressionGate, ScoreGate
from eval_pipeline.wording import counted, nearest


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The data of an experiment that gates check."""

    rows: Sequence[Row]
    """With `SUMMARY_COLUMNS`."""
    members: Members
    """The cases of each slice."""
    comparison: Comparison | None
    """The comparison with the baseline; None if there is none yet."""
    overall: Mapping[str, OverallMetric] = field(default_factory=dict)
    """The metrics of `summary:`, by name."""
    first: Comparison | None = None
    """The comparison with the first experiment that passed, if the baseline is the last that passed: small drops from
    one experiment to the next do not add up unseen."""


def check_gates(gates: Gates, evidence: Evidence) -> list[GateResult]:
    """The result of every gate that the suite sets."""
    named = gates.named()
    slices = {name: _slices(gate, evidence) for name, (_, gate) in named.items()}
    tests = {name: (gate, slices[name]) for name, (_, gate) in named.items() if isinstance(gate, RegressionGate)}
    undecided = {name: _undecided_regression(gate, evidence.rows) for name, (gate, _) in tests.items()}
    regressions = check_regressions(
        {name: test for name, test in tests.items() if undecided[name] is None},
        [comparison for comparison in (evidence.comparison, evidence.first) if comparison is not None],
        level=gates.level,
    ) | {name: [result] for name, result in undecided.items() if result is not None}
    return [
        _result(name, kind, gate, regressions.get(name) or _slice_results(kind, gate, evidence, slices[name]))
        for name, (kind, gate) in named.items()
    ]


def _slices(gate: Gate, evidence: Evidence) -> Sequence[str | None]:
    return [None] if gate.slice is None else matching(gate.slice, evidence.members)


def _result(name: str, kind: str, gate: Any, results: Sequence[SliceResult]) -> GateResult:
    worst = min(results, key=lambda result: (result.passed, result.observed is None, -result.excess), default=None)
    failing = [result for result in results if not result.passed]
    if worst is None:
        message, observed = f"no attempt at a case of {gate.slice}", None
    else:
        shown = failing or ([worst] if len(results) == 1 else [])
        message = "; ".join(result.message for result in shown) or f"passed in all {len(results)} slices {gate.slice}"
        observed = worst.observed
    return GateResult(
        name=name,
        kind=kind,
        slice=gate.slice,
        action=gate.action,
        passed=not failing,
        observed=observed,
        low=None if worst is None else worst.low,
        high=None if worst is None else worst.high,
        threshold=gate.threshold,
        n=0 if worst is None else worst.n,
        message=message,
        failing_cases=list(dict.fromkeys(case for result in failing for case in result.failing_cases)),
        undecided=bool(failing) and all(result.undecided for result in failing),
    )


def _slice_results(kind: str, gate: Gate, evidence: Evidence, names: Sequence[str | None]) -> list[SliceResult]:
    results = []
    for name in names:
        rows = [row for row in evidence.rows if in_slice(row["case_id"], name, evidence.members)]
        if kind != _SKIPPED:
            rows = attempts_made(rows)
        if rows:
            if isinstance(gate, ScoreGate) and gate.metric in evidence.overall:
                results.append(check_overall(kind, gate, evidence.overall[gate.metric], name))
            else:
                results.append(_KINDS[kind](gate, rows, name))
        elif name is None:
            results.append(_undecided("no attempt was made"))
    return results


def _min_pass_rate(gate: RateGate, rows: Sequence[Row], name: str | None) -> SliceResult:
    verdicts = verdicts_by_case(rows)
    rate = estimate(list(verdicts.values()))
    if rate is None:
        return _undecided(
            f"nothing decided {counted(len(rows), 'attempt')}{_of(name)}{_why_undecided(rows)}", n=len(rows)
        )
    unscored = sum(row["status"] == "unscored" for row in rows)
    left_out = f"; {unscored} unscored attempts are left out" if unscored else ""
    compared = at_least(rate, gate)
    interval = f"95 % interval {rate.low:.1%} to {rate.high:.1%}, n={rate.n}"
    return SliceResult(
        passed=compared.passed,
        observed=rate.mean,
        low=rate.low,
        high=rate.high,
        n=rate.n,
        excess=compared.excess,
        message=f"pass rate{_of(name)} {rate.mean:.1%} ({interval}), at least {gate.threshold:.1%} required{left_out}"
        f"{compared.explanation}",
        failing_cases=sorted(case for case, passed in verdicts.items() if min(passed) < 1),
    )


def _max_error_rate(gate: RateGate, rows: Sequence[Row], name: str | None) -> SliceResult:
    by_case = errors_by_case(rows)
    rate = estimate(list(by_case.values()))
    assert rate is not None
    compared = at_most(rate, gate)
    errors = sum(row["status"] == "error" for row in rows)
    return SliceResult(
        passed=compared.passed,
        observed=rate.mean,
        low=rate.low,
        high=rate.high,
        n=rate.n,
        excess=compared.excess,
        message=f"{errors} of {counted(rate.n, 'attempt')}{_of(name)} ended in an error ({rate.mean:.1%}; 95 % "
        f"interval {rate.low:.1%} to {rate.high:.1%}), at most {gate.threshold:.1%} allowed{compared.explanation}",
        failing_cases=sorted(case for case, values in by_case.items() if any(values)),
    )


def _max_skipped(gate: RateGate, rows: Sequence[Row], name: str | None) -> SliceResult:
    skipped = sum(row["status"] == "skipped" for row in rows)
    by_case = values_by_case(rows, lambda row: float(row["status"] == "skipped"))
    rate = fmean(map(fmean, by_case.values()))
    left = f"{skipped} of {counted(len(rows), 'attempt')}{_of(name)} were skipped ({rate:.1%})"
    message = f"{left}, at most {gate.threshold:.1%} allowed"
    if rate > gate.threshold:
        message += ": raise `evaluation.max_tokens` or `max_cost_usd`, or continue with --resume"
    return SliceResult(
        passed=rate <= gate.threshold,
        observed=rate,
        n=len(rows),
        excess=rate - gate.threshold,
        message=message,
        failing_cases=sorted(case for case, values in by_case.items() if any(values)),
    )


def _max_cost_usd(gate: LimitGate, rows: Sequence[Row], name: str | None) -> SliceResult:
    costs = {case: sum(values) for case, values in values_by_case(rows, cost_of).items()}
    total = total_cost(rows)
    if total is None:
        unpriced = sum(map(is_unpriced, rows))
        fix = "set the prices of the models (`evaluation.prices`), or remove the gate"
        what = f"of {unpriced} of {counted(len(rows), 'attempt')}" if costs else _of(name).strip()
        message = f"the cost{f' {what}' if what else ''} is unknown: {fix}"
        return SliceResult(passed=False, n=len(rows), message=message)
    return SliceResult(
        passed=total <= gate.threshold,
        observed=total,
        n=len(rows),
        excess=total - gate.threshold,
        message=f"{counted(len(rows), 'attempt')}{_of(name)} cost ${total:.4f}, at most ${gate.threshold:.4f} allowed",
        failing_cases=sorted(costs, key=lambda case: (-costs[case], case))[:_MOST_EXPENSIVE],
    )


def _max_p95_latency_s(gate: LimitGate, rows: Sequence[Row], name: str | None) -> SliceResult:
    seconds = [row["latency_s"] for row in rows]
    observed = percentiles(seconds)["p95"]
    low, high = percentile_interval(seconds, 95)
    ends = " to ".join("?" if end is None else f"{end:.2f}" for end in (low, high))
    return SliceResult(
        passed=observed <= gate.threshold,
        observed=observed,
        low=low,
        high=high,
        n=len(rows),
        excess=observed - gate.threshold,
        message=f"95 % of {counted(len(rows), 'attempt')}{_of(name)} took at most {observed:.2f} s (95 % interval "
        f"{ends} s), at most {gate.threshold:.2f} s allowed",
        failing_cases=sorted({row["case_id"] for row in rows if row["latency_s"] > gate.threshold}),
    )


def _why_undecided(rows: Sequence[Row]) -> str:
    """Which metrics have numbers that decide nothing, and what to add, as the end of a sentence."""
    parts = [f"{name}: {why}" for name, why in undecided_metrics(rows).items()]
    return f" ({'; '.join(parts)})" if parts else ""


def _undecided_regression(gate: RegressionGate, rows: Sequence[Row]) -> SliceResult | None:
    """Why the gate cannot be decided by the experiment's own attempts, if so."""
    made = attempts_made(rows)
    if not made:
        return _undecided("no attempt was made")
    if gate.metric is None:
        # Where nothing decides, it looks at every metric.
        decided = verdicts_by_case(made) or (gate.slice is None and any(map(metric_scores, made)))
        what = f"nothing decided {counted(len(made), 'attempt')}{_why_undecided(made)}"
        return None if decided else _undecided(what, n=len(made))
    metrics = cases_of_metrics(made)
    if gate.metric in metrics or not metrics:
        return None
    return _undecided(f"no attempt has a metric {gate.metric!r}: {nearest(gate.metric, metrics)}", n=len(made))


def _undecided(message: str, *, n: int = 0) -> SliceResult:
    return SliceResult(passed=False, undecided=True, n=n, message=message)


def _of(name: str | None) -> str:
    return "" if name is None else f" of {name}"


_MOST_EXPENSIVE = 10
_SKIPPED = "max_skipped"
"""The one gate that counts skipped attempts."""
_KINDS: Mapping[str, Callable[[Any, Sequence[Row], str | None], SliceResult]] = {
    "min_pass_rate": _min_pass_rate,
    "max_error_rate": _max_error_rate,
    _SKIPPED: _max_skipped,
    "max_cost_usd": _max_cost_usd,
    "max_p95_latency_s": _max_p95_latency_s,
    "min_score": functools.partial(check_score, least=True),
    "max_score": functools.partial(check_score, least=False),
    "min_share": functools.partial(check_share, least=True),
    "max_share": functools.partial(check_share, least=False),
}
