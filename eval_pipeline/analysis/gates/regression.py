"""The gates `max_regression`: whether numbers fell since the baseline, beyond chance or at all.

`significant` is a one-sided paired test. All of a suite's are one family: if nothing became worse, chance alone fails
any of them in at most one experiment of twenty (`gates: {level: 0.05}`). Holm's method with weights divides the level:
each gate has an equal share, which its slices and baselines share. `bench.gates` measures it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import scipy

from eval_pipeline.analysis.comparison.comparison import Comparison, Difference
from eval_pipeline.analysis.gates.gate_result import SliceResult
from eval_pipeline.analysis.statistics.paired import p_is, weighted_holm
from eval_pipeline.analysis.statistics.power import LEVEL
from eval_pipeline.suite.spec.gates import RegressionGate
from eval_pipeline.wording import counted, first_names

_MOST_NAMED = 3

Checked = tuple[str, str | None]
"""The name of a gate, and a slice of it; None means all cases."""


@dataclass(frozen=True, kw_only=True)
class RegressionTest:
    """The comparison of one number of one gate with one baseline."""

    gate: RegressionGate
    slice: str | None
    comparison: Comparison
    difference: Difference


def check_regressions(
    gates: Mapping[str, tuple[RegressionGate, Sequence[str | None]]],
    comparisons: Sequence[Comparison],
    *,
    level: float = LEVEL,
) -> dict[str, list[SliceResult]]:
    """The results of gates, for each slice, by the name of the gate.

    Without a baseline, or without a case that both experiments have, a gate is met. Where nothing decides, so that
    there is no pass rate, a gate on it looks at every metric.

    Args:
        gates: by name, each with its slices; None among them means all cases.
        comparisons: the one with the baseline, then the one with the experiment that a moving baseline began with, if
            there is one. Gates with the test `any` use the first only.
        level: the probability that chance alone fails any of the significance tests, if nothing became worse.
    """
    if not comparisons:
        met = [SliceResult(passed=True, message="there is no baseline yet to compare with")]
        return dict.fromkeys(gates, met)
    tests = {name: _tests(gate, comparisons, slices) for name, (gate, slices) in gates.items()}
    family = [(name, test) for name, own in tests.items() for test in own if test.gate.test == "significant"]
    adjusted = weighted_holm(
        [test.difference.p_drop for _, test in family], [1 / len(tests[name]) for name, _ in family]
    )
    p_values = {id(test): p_value for (_, test), p_value in zip(family, adjusted, strict=True)}
    return {
        name: _results(gates[name][0], comparisons[0], own, p_values, level=level, tests_of_suite=len(family))
        for name, own in tests.items()
    }


def _tests(
    gate: RegressionGate, comparisons: Sequence[Comparison], slices: Sequence[str | None]
) -> list[RegressionTest]:
    compared = comparisons if gate.test == "significant" else comparisons[:1]
    tests = [
        RegressionTest(gate=gate, slice=name, comparison=comparison, difference=difference)
        for name in slices
        for comparison in compared
        if (difference := _difference(gate, comparison, name)) is not None
    ]
    if tests or gate.metric is not None or gate.slice is not None:
        return tests
    return [
        RegressionTest(
            gate=gate.model_copy(update={"metric": name}), slice=None, comparison=comparison, difference=difference
        )
        for comparison in compared
        for name, difference in comparison.metrics.items()
    ]


def _difference(gate: RegressionGate, comparison: Comparison, name: str | None) -> Difference | None:
    if gate.metric is not None:
        return comparison.metrics.get(gate.metric)
    return comparison.pass_rate if name is None else comparison.slices.get(name)


def _results(
    gate: RegressionGate,
    baseline: Comparison,
    tests: Sequence[RegressionTest],
    p_values: Mapping[int, float],
    *,
    level: float,
    tests_of_suite: int,
) -> list[SliceResult]:
    if not tests:
        what = gate.metric or gate.slice or "the pass rate"
        message = f"baseline {baseline.baseline} has no case with {what} to compare with"
        if baseline.changed_metrics:
            changed = first_names(list(baseline.changed_metrics), _MOST_NAMED)
            message += f": the metric changed ({changed}), which is no regression of the target"
        return [SliceResult(passed=True, message=message)]
    by_number: dict[tuple[str | None, str | None], list[SliceResult]] = {}
    for test in tests:
        result = _result(test, p_values.get(id(test)), level=level, tests_of_suite=tests_of_suite)
        by_number.setdefault((test.slice, test.gate.metric), []).append(result)
    return [next((result for result in results if not result.passed), results[0]) for results in by_number.values()]


def _result(test: RegressionTest, p_adjusted: float | None, *, level: float, tests_of_suite: int) -> SliceResult:
    gate, measured = test.gate, test.difference
    drop = -measured.difference
    failed = drop > 0 and drop > gate.threshold and (p_adjusted is None or p_adjusted < level)
    what = gate.metric or ("pass rate" if test.slice is None else f"pass rate of {test.slice}")
    interval = "" if measured.low is None else f", 95 % interval {_points(measured.low)} to {_points(measured.high)}"
    among = "" if p_adjusted is None or tests_of_suite == 1 else f" ({p_is(p_adjusted)} among {tests_of_suite} tests)"
    return SliceResult(
        passed=not failed,
        observed=drop,
        low=None if measured.high is None else -measured.high,
        high=None if measured.low is None else -measured.low,
        n=measured.cases,
        excess=drop - gate.threshold,
        message=f"{what} {measured.now:.1%}, {_points(measured.difference)} since {test.comparison.baseline} "
        f"({measured.then:.1%}{interval}, {p_is(measured.p_drop)} for a drop{among}, {counted(measured.cases, 'case')})"
        f"{_explanation(test, failed=failed)}",
        failing_cases=measured.fell,
    )


def _explanation(test: RegressionTest, *, failed: bool) -> str:
    """What the result can show, as the end of a sentence."""
    gate, measured = test.gate, test.difference
    if gate.test == "any":
        return _by_chance(measured, gate.threshold)
    if failed:
        return _worst_slices(test.comparison) if test.slice is None and gate.metric is None else ""
    if measured.smallest_detectable is None:
        return "; so few cases cannot show a drop"
    return f"; a true drop of {100 * measured.smallest_detectable:.1f} points would be detected in four of five"


def _by_chance(measured: Difference, threshold: float) -> str:
    """How often chance alone fails a gate that does not test, and how many cases make that rare."""
    if not measured.chance_error:
        return "; this gate does not test whether a drop is chance"
    chance = float(scipy.special.ndtr(-threshold / measured.chance_error))
    text = f"; where nothing changed, chance alone fails this gate in {chance:.0%} of experiments like these two"
    if chance <= LEVEL:
        return text
    if not threshold:
        return f"{text}; set a `threshold`, or use `significant`"
    needed = measured.cases * (-float(scipy.special.ndtri(LEVEL)) * measured.chance_error / threshold) ** 2
    return f"{text}, and in 5 % with {math.ceil(needed):,} cases"


def _worst_slices(comparison: Comparison) -> str:
    fell = [
        (name, measured)
        for name, measured in comparison.slices.items()
        if measured.difference < 0 and measured.p_drop < LEVEL
    ]
    worst = sorted(fell, key=lambda pair: pair[1].p_drop)[:_MOST_NAMED]
    named = ", ".join(
        f"{name} ({_points(measured.difference)}, {counted(measured.cases, 'case')})" for name, measured in worst
    )
    return f"; most clearly in {named}" if named else ""


def _points(difference: float | None) -> str:
    return "?" if difference is None else f"{100 * difference:+.1f} points"
