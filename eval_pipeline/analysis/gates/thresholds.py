"""Compare a share with the threshold of its gate, and say how often chance decides that."""

import math
from dataclasses import dataclass

import scipy

from eval_pipeline.analysis.statistics.distributions import binomial_cdf
from eval_pipeline.analysis.statistics.estimate import Estimate
from eval_pipeline.suite.spec.gates import RateGate

_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class RateComparison:
    """A share beside its threshold."""

    excess: float
    """The distance beyond the threshold of what the gate compares: the share, or the nearer end of its interval."""
    explanation: str
    """How often chance alone decides as it did."""

    @property
    def passed(self) -> bool:
        """Whether the gate is met."""
        return self.excess <= 0


def at_least(rate: Estimate, gate: RateGate) -> RateComparison:
    """Compare a share with the least that is required."""
    return _compared(rate.mean, rate.high, gate.threshold, rate, gate)


def at_most(rate: Estimate, gate: RateGate) -> RateComparison:
    """Compare a share with the most that is allowed."""
    return _compared(1 - rate.mean, 1 - rate.low, 1 - gate.threshold, rate, gate)


def _compared(share: float, end: float, required: float, rate: Estimate, gate: RateGate) -> RateComparison:
    """Compare a share, or the upper end of its interval, with the least that is required."""
    if gate.by == "interval":
        explanation = "; the interval is compared, so chance alone fails this gate in at most 2.5 % of experiments"
        return RateComparison(excess=required - end, explanation=explanation)
    if share < required:
        chance = _chance_of(share, rate, true=required, inclusive=True)
        explanation = f"; where the true share is at the threshold, chance alone is as far beyond it in {chance:.0%}"
    else:
        chance = _chance_of(required, rate, true=share, inclusive=False)
        explanation = f"; where this is the true share, {chance:.0%} of such experiments fail by chance"
    return RateComparison(excess=required - share, explanation=explanation)


def _chance_of(share: float, rate: Estimate, *, true: float, inclusive: bool) -> float:
    """The probability of at most, or of less than, a share: binomial with one attempt a case, else normal."""
    if rate.n == rate.cases:
        most = math.floor(share * rate.n + _ROUNDING) if inclusive else math.ceil(share * rate.n - _ROUNDING) - 1
        return float(binomial_cdf(most, rate.n, true))
    # The spread of a sample whose attempts all agree is zero, that of its interval is not.
    error = rate.error or (rate.high - rate.low) / 4
    return float(scipy.special.ndtr((share - true) / error))
