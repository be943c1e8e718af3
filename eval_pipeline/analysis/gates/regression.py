"""The gate `max_regression`: whether a number fell since the baseline, beyond chance or at all.

`significant` is a one-sided test at level 0.05: if nothing got worse, it fails one experiment in twenty at most. If the
gate checks every slice of a kind, Holm's method keeps that rate for all of them together. `bench.gates` measures it.
"""

from collections.abc import Sequence

from eval_pipeline.analysis.comparison.comparison import Comparison, Difference
from eval_pipeline.analysis.gates.gate_result import SliceResult
from eval_pipeline.analysis.statistics.paired import holm, p_is
from eval_pipeline.analysis.statistics.power import LEVEL
from eval_pipeline.suite.spec.gates import RegressionGate

_MOST_NAMED = 3


def check_regression(
    gate: RegressionGate, comparison: Comparison | None, slices: Sequence[str | None]
) -> list[SliceResult]:
    """The result of the gate for each slice; None among `slices` means all cases.

    Without a baseline, or without a case that both experiments have, the gate is met. Where nothing decides, so that
    there is no pass rate, a gate on it looks at every metric.
    """
    if comparison is None:
        return [SliceResult(passed=True, message="there is no baseline yet to compare with")]
    looked_at = [(name, measured) for name in slices if (measured := _difference(gate, comparison, name)) is not None]
    if not looked_at and gate.metric is None and gate.slice is None:
        return _of_metrics(gate, comparison)
    if not looked_at:
        what = gate.metric or gate.slice or "the pass rate"
        return [
            SliceResult(passed=True, message=f"baseline {comparison.baseline} has no case with {what} to compare with")
        ]
    p_values = holm([measured.p_drop for _, measured in looked_at])
    return [
        _finding(gate, comparison, name, measured, p_value)
        for (name, measured), p_value in zip(looked_at, p_values, strict=True)
    ]


def _of_metrics(gate: RegressionGate, comparison: Comparison) -> list[SliceResult]:
    """The result of a gate on the pass rate where nothing decides: of the metric that fell most clearly."""
    if not comparison.metrics:
        return [SliceResult(passed=True, message=f"baseline {comparison.baseline} has no case to compare with")]
    p_values = holm([measured.p_drop for measured in comparison.metrics.values()])
    return [
        _finding(gate.model_copy(update={"metric": name}), comparison, None, measured, p_value)
        for (name, measured), p_value in zip(comparison.metrics.items(), p_values, strict=True)
    ]


def _difference(gate: RegressionGate, comparison: Comparison, name: str | None) -> Difference | None:
    if gate.metric is not None:
        return comparison.metrics.get(gate.metric)
    return comparison.pass_rate if name is None else comparison.slices.get(name)


def _finding(
    gate: RegressionGate, comparison: Comparison, name: str | None, measured: Difference, p_value: float
) -> SliceResult:
    drop = -measured.difference
    chance = gate.test == "significant" and p_value >= LEVEL
    failed = drop > 0 and drop > gate.threshold and not chance
    what = gate.metric or ("pass rate" if name is None else f"pass rate of {name}")
    interval = "" if measured.low is None else f", 95 % interval {_points(measured.low)} to {_points(measured.high)}"
    detectable = measured.smallest_detectable
    seen = (
        "" if failed or detectable is None else f"; a drop of {100 * detectable:.1f} points would most likely be seen"
    )
    where = _worst_slices(comparison) if failed and name is None and gate.metric is None else ""
    return SliceResult(
        passed=not failed,
        observed=drop,
        low=None if measured.high is None else -measured.high,
        high=None if measured.low is None else -measured.low,
        n=measured.cases,
        excess=drop - gate.threshold,
        message=f"{what} {measured.now:.1%}, {_points(measured.difference)} since {comparison.baseline} "
        f"({measured.then:.1%}{interval}, {p_is(p_value)} for a drop, {measured.cases} cases){seen}{where}",
        failing_cases=measured.fell,
    )


def _worst_slices(comparison: Comparison) -> str:
    fell = [
        (name, measured)
        for name, measured in comparison.slices.items()
        if measured.difference < 0 and measured.p_drop < LEVEL
    ]
    worst = sorted(fell, key=lambda pair: pair[1].p_drop)[:_MOST_NAMED]
    named = ", ".join(f"{name} ({_points(measured.difference)}, {measured.cases} cases)" for name, measured in worst)
    return f"; most clearly in {named}" if named else ""


def _points(difference: float | None) -> str:
    return "?" if difference is None else f"{100 * difference:+.1f} points"
