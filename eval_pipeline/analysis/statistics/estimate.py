"""Means over cases and percentiles, with intervals. A case counts once, with the mean over its attempts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

CONFIDENCE = 0.95
PERCENTILES = (50, 95, 99)
_SEED = 20_240_601
_RESAMPLES = 2_000
_FEWEST_TO_RESAMPLE = 10
"""Cases; with fewer a bootstrap does not reach the tails."""
_MOST_TO_RESAMPLE = 1_000
"""Cases; with more the mean is normal, and the bootstrap gives Student's interval in much more time."""

Floats = NDArray[np.float64]


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
    """Standard error, clustered by case; None with fewer than two cases."""


def estimate(values_by_case: Sequence[Sequence[float]]) -> Estimate | None:
    """The mean over cases of values in [0, 1], its standard error and its 95 % interval; None without a value.

    A case counts once, with the mean over its attempts, however many they are. Yes-or-no values have Wilson's interval
    (`clustered_wilson`). Others have that of a bootstrap over cases (`bootstrap_interval`), or Student's with too few
    cases for it; with one case the interval is all of [0, 1].

    The standard error is the clustered one of Miller 2024, "Adding Error Bars to Evals", section 2.2, with the usual
    factor G / (G - 1) for G cases.
    """
    groups = [values for values in values_by_case if len(values)]
    if not groups:
        return None
    # Sorted, so that the order of rows does not change the result, not even by rounding.
    totals, counts = _ordered([math.fsum(values) / len(values) for values in groups], [1.0 for _ in groups])
    cases, attempts = len(groups), sum(map(len, groups))
    mean = math.fsum(totals) / cases
    error = clustered_error(totals, counts) if cases > 1 else None
    if all(value in {0.0, 1.0} for values in groups for value in values):
        # As many attempts as would give the same variance if no two attempts at a case were alike.
        most = cases**2 / math.fsum(1 / len(values) for values in groups)
        low, high = clustered_wilson(totals, counts, most=most)
    elif error is None:
        low, high = 0.0, 1.0
    else:
        low, high = mean_interval(totals, counts)
    return Estimate(
        mean=mean, n=attempts, cases=cases, low=max(0.0, min(low, mean)), high=min(1.0, max(high, mean)), error=error
    )


def clustered_error(totals: Floats, counts: Floats) -> float:
    """Cluster-robust standard error of `sum(totals) / sum(counts)` over two or more cases."""
    cases = len(totals)
    residuals = totals - counts * (totals.sum() / counts.sum())
    return float(np.sqrt(cases / (cases - 1) * np.sum(residuals**2)) / counts.sum())


def clustered_wilson(passed: Floats, attempts: Floats, *, most: float | None = None) -> tuple[float, float]:
    """Wilson's interval (1927) for the share of attempts that passed; with counts of 1, for the mean share of cases.

    With several attempts at a case it is that of as many independent attempts as would give the same variance: the
    effective sample size of Korn and Graubard 1998, which Dean and Pagano 2015 recommend with Wilson's interval. With
    one attempt at each case that is their number, and where all attempts agree it is the number of cases. It is at most
    `most`, by default the number of attempts.
    """
    rate, cases, n = float(passed.sum() / attempts.sum()), len(passed), float(attempts.sum())
    squares = float(np.sum((passed - attempts * rate) ** 2))
    # At most the number of attempts: a sample whose cases happen to be alike is not worth more.
    most = n if most is None else most
    effective = cases if rate in {0.0, 1.0} else min(most, rate * (1 - rate) * n**2 / squares if squares else most)
    return wilson(rate, effective)


def wilson(rate: float, n: float) -> tuple[float, float]:
    """Wilson's interval of a share among `n` (Wilson 1927; Brown, Cai and DasGupta 2001, formula 4).

    Computed here and not by statsmodels, for which every summary would import pandas (30 MB); a test compares them.
    """
    z = float(scipy.stats.norm.isf((1 - CONFIDENCE) / 2))
    center, shrunk = rate + z**2 / (2 * n), 1 + z**2 / n
    half = z * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return max(0.0, (center - half) / shrunk), min(1.0, (center + half) / shrunk)


def mean_interval(totals: Floats, counts: Floats) -> tuple[float, float]:
    """The 95 % interval of `sum(totals) / sum(counts)`, given a total and a count for each of two or more cases."""
    if _FEWEST_TO_RESAMPLE <= len(totals) <= _MOST_TO_RESAMPLE:
        return bootstrap_interval(totals, counts)
    mean = float(totals.sum() / counts.sum())
    half = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(totals) - 1)) * clustered_error(totals, counts)
    return mean - half, mean + half


def bootstrap_interval(totals: Floats, counts: Floats) -> tuple[float, float]:
    """The percentile interval of scipy's `bootstrap`, which draws whole cases (Efron and Tibshirani 1993, chapter 13).

    Its percentiles are the expanded ones of Hesterberg 2015, "What Teachers Should Know About the Bootstrap", without
    which the interval is too short for few cases. The seed is fixed: the same rows give the same interval.
    """
    cases = len(totals)
    ordered = _ordered(totals, counts)
    tail = scipy.stats.norm.sf(math.sqrt(cases / (cases - 1)) * scipy.stats.t.ppf((1 + CONFIDENCE) / 2, cases - 1))
    interval = scipy.stats.bootstrap(
        ordered,
        _ratio,
        n_resamples=_RESAMPLES,
        batch=max(1, 2_000_000 // cases),
        vectorized=True,
        paired=True,
        confidence_level=1 - 2 * float(tail),
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """`p50`, `p95` and `p99`, interpolated between the two nearest values (numpy's default); empty without values."""
    return {f"p{q}": float(np.percentile(values, q)) for q in PERCENTILES} if len(values) else {}


def percentile_interval(values: Sequence[float], q: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a percentile from order statistics (Conover 1999, 3.2; scipy's `quantile_test`).

    It treats the values as independent. An end that too few values cannot bound is None.
    """
    interval = scipy.stats.quantile_test(values, p=q / 100).confidence_interval(CONFIDENCE)
    low, high = float(interval.low), float(interval.high)
    return (None if np.isnan(low) else low), (None if np.isnan(high) else high)


def _ratio(totals: Floats, counts: Floats, axis: int) -> Any:
    return totals.sum(axis=axis) / counts.sum(axis=axis)


def _ordered(totals: Any, counts: Any) -> tuple[Floats, Floats]:
    totals, counts = np.asarray(totals, dtype=float), np.asarray(counts, dtype=float)
    order = np.lexsort((counts, totals))
    return totals[order], counts[order]
