"""The gate `max_regression`: whether a number fell since the baseline, beyond chance or at all.

`significant` is one one-sided test at level 0.05 of what the gate names: were nothing worse, it would fail one
experiment in twenty, and no more. Where it looks at every slice of a kind, Holm's method keeps that promise for all of
them together. `bench.gates` measures it.
"""

from collections.abc import Sequence

from eval_pipeline.analysis.comparison.comparison import Comparison, Difference
from eval_pipeline.analysis.gates.gate_result import SliceResult
from eval_pipeline.analysis.statistics.paired import LEVEL, holm, p_is
from eval_pipeline.suite.spec.gates import RegressionGate

_MOST_NAMED = 3


def check_regression(
    gate: RegressionGate, comparison: Comparison | None, slices: Sequence[str | None]
) -> list[SliceResult]:
    """What the gate finds in each slice; None among `slices` is all cases.

    Without a baseline, or a case that both have, there is nothing to hold against it, and the gate is met.
    """
    if comparison is None:
        return [SliceResult(passed=True, message="there is no baseline yet to compare with")]
    looked_at = [(name, found) for name in slices if (found := _difference(gate, comparison, name)) is not None]
    if not looked_at:
        what = gate.metric or gate.slice or "the pass rate"
        return [
            SliceResult(passed=True, message=f"baseline {comparison.baseline} has no case with {what} to compare with")
        ]
    p_values = holm([difference.p_drop for _, difference in looked_at])
    return [
        _finding(gate, comparison, name, difference, p_value)
        for (name, difference), p_value in zip(looked_at, p_values, strict=True)
    ]


def _difference(gate: RegressionGate, comparison: Comparison, name: str | None) -> Difference | None:
    if gate.metric is not None:
        return comparison.metrics.get(gate.metric)
    return comparison.pass_rate if name is None else comparison.slices.get(name)


def _finding(
    gate: RegressionGate, comparison: Comparison, name: str | None, found: Difference, p_value: float
) -> SliceResult:
    drop = -found.difference
    chance = gate.test == "significant" and p_value >= LEVEL
    failed = drop > 0 and drop > gate.threshold and not chance
    what = gate.metric or ("pass rate" if name is None else f"pass rate of {name}")
    interval = "" if found.low is None else f", 95 % interval {_points(found.low)} to {_points(found.high)}"
    detectable = found.smallest_detectable
    seen = (
        "" if failed or detectable is None else f"; a drop of {100 * detectable:.1f} points would most likely be seen"
    )
    where = _worst_slices(comparison) if failed and name is None and gate.metric is None else ""
    return SliceResult(
        passed=not failed,
        observed=drop,
        low=None if found.high is None else -found.high,
        high=None if found.low is None else -found.low,
        n=found.cases,
        excess=drop - gate.threshold,
        message=f"{what} {found.now:.1%}, {_points(found.difference)} since {comparison.baseline} ({found.then:.1%}"
        f"{interval}, {p_is(p_value)} for a drop, {found.cases} cases){seen}{where}",
        failing_cases=found.fell,
    )


def _worst_slices(comparison: Comparison) -> str:
    fell = [(name, found) for name, found in comparison.slices.items() if found.difference < 0 and found.p_drop < LEVEL]
    worst = sorted(fell, key=lambda pair: pair[1].p_drop)[:_MOST_NAMED]
    named = ", ".join(f"{name} ({_points(found.difference)}, {found.cases} cases)" for name, found in worst)
    return f"; most clearly in {named}" if named else ""


def _points(difference: float | None) -> str:
    return "?" if difference is None else f"{100 * difference:+.1f} points"
