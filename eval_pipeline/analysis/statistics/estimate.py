"""Means over cases and percentiles, with intervals. A case counts once, with the mean over its attempts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval_pipeline.analysis.statistics.bounded_mean import CONFIDENCE, TAIL, bounded_mean_interval
from eval_pipeline.analysis.statistics.distributions import binomial_isf, share_interval

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over cases, each with the mean over its attempts, with a 95 % interval."""

    mean: float
    n: int
    """The number of attempts."""
    cases: int
    low: float
    high: float
    error: float | None
    """Standard error, over the cases; None with fewer than two."""


def estimate(values_by_case: Sequence[Sequence[float]]) -> Estimate | None:
    """The mean over cases of values in [0, 1], its standard error and its 95 % interval; None without a value.

    A case counts once, with the mean over its attempts, however many they are: cases are independent, attempts at one
    case are not. So the interval holds however alike the attempts at a case are. Where every case has only passed or
    only failed it is the exact one of Clopper and Pearson 1934; see `bounded_mean` for others.
    """
    # Sorted, so that the order of rows does not change the result, not even by rounding.
    means = np.sort([math.fsum(values) / len(values) for values in values_by_case if len(values)])
    cases = len(means)
    if not cases:
        return None
    mean = math.fsum(means) / cases
    if np.isin(means, (0.0, 1.0)).all():
        low, high = share_interval(int(means.sum()), cases, CONFIDENCE)
    else:
        low, high = bounded_mean_interval(means)
    return Estimate(
        mean=mean,
        n=sum(map(len, values_by_case)),
        cases=cases,
        low=min(float(low), mean),
        high=max(float(high), mean),
        error=float(means.std(ddof=1)) / math.sqrt(cases) if cases > 1 else None,
    )


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """`p50`, `p95` and `p99`, interpolated between the two nearest values (numpy's default); empty without values."""
    return {f"p{q}": float(np.percentile(values, q)) for q in PERCENTILES} if len(values) else {}


def percentile_interval(values: Sequence[float], q: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a percentile from order statistics (Conover 1999, 3.2; scipy's `quantile_test`).

    It treats the values as independent. An end that too few values cannot bound is None.
    """
    ordered, n = sorted(values), len(values)
    last = int(binomial_isf(1 - TAIL, n, q / 100)) - 1
    first = int(binomial_isf(TAIL, n, q / 100))
    return (ordered[last] if last >= 0 else None), (ordered[first] if first < n else None)
