"""The distribution of numbers without bounds: mean with its interval, median and percentiles."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from eval_pipeline.analysis.statistics.bounded_mean import CONFIDENCE

_PERCENTILES = (5, 25, 50, 75, 95, 99)


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """Numbers of attempts; the mean is over cases, each with the mean over its attempts."""

    mean: float
    n: int
    """The number of attempts."""
    cases: int
    low: float | None
    """The 95 % interval of the mean, by Student's t over the cases; None with fewer than two cases."""
    high: float | None
    lowest: float
    highest: float
    percentiles: dict[str, float]
    """`p5`, `p25`, `p50` (the median), `p75`, `p95` and `p99` of the attempts."""

    @property
    def median(self) -> float:
        """The median of the attempts."""
        return self.percentiles["p50"]


def distribution(values_by_case: Sequence[Sequence[float]]) -> Distribution | None:
    """The distribution of values, by case; None without a value."""
    means = np.sort([math.fsum(values) / len(values) for values in values_by_case if len(values)])
    if not len(means):
        return None
    values = np.concatenate([np.asarray(each, dtype=float) for each in values_by_case if len(each)])
    mean, low, high = math.fsum(means) / len(means), None, None
    if len(means) > 1:
        error = float(means.std(ddof=1)) / math.sqrt(len(means))
        margin = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(means) - 1)) * error
        low, high = mean - margin, mean + margin
    return Distribution(
        mean=mean,
        n=len(values),
        cases=len(means),
        low=low,
        high=high,
        lowest=float(values.min()),
        highest=float(values.max()),
        percentiles={f"p{q}": float(np.percentile(values, q)) for q in _PERCENTILES},
    )
