"""Gates: thresholds that an experiment meets or does not.

Belongs here: comparing a summary with the suite's `gates:`. Does not belong here: how a gate is shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eval_pipeline.experiment.summary import Summary
from eval_pipeline.suite.suite import Gates


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """What came of one gate."""

    name: str
    passed: bool
    observed: float | None
    """None if there was nothing to observe, which does not pass."""
    threshold: float
    n: int
    message: str


def check_gates(gates: Gates, summary: Summary) -> list[GateResult]:
    """The result of every gate that the suite sets."""
    thresholds = {name: getattr(gates, name) for name in GATES}
    return [GATES[name](summary, threshold) for name, threshold in thresholds.items() if threshold is not None]


def _min_pass_rate(summary: Summary, threshold: float) -> GateResult:
    rate = summary.pass_rate
    if rate is None:
        return _nothing("min_pass_rate", threshold)
    interval = f"95 % interval {rate.low:.1%} to {rate.high:.1%}, n={rate.n}"
    return GateResult(
        name="min_pass_rate",
        passed=rate.mean >= threshold,
        observed=rate.mean,
        threshold=threshold,
        n=rate.n,
        message=f"pass rate {rate.mean:.1%} ({interval}), at least {threshold:.1%} is asked for",
    )


def _max_error_rate(summary: Summary, threshold: float) -> GateResult:
    made = summary.attempts - summary.status_counts.get("skipped", 0)
    if not made:
        return _nothing("max_error_rate", threshold)
    errors = summary.status_counts.get("error", 0)
    return GateResult(
        name="max_error_rate",
        passed=errors / made <= threshold,
        observed=errors / made,
        threshold=threshold,
        n=made,
        message=f"{errors} of {made} attempts broke ({errors / made:.1%}), at most {threshold:.1%} may",
    )


def _nothing(name: str, threshold: float) -> GateResult:
    return GateResult(name=name, passed=False, observed=None, threshold=threshold, n=0, message="no attempt was made")


GATES: Mapping[str, Callable[[Summary, float], GateResult]] = {
    "min_pass_rate": _min_pass_rate,
    "max_error_rate": _max_error_rate,
}
