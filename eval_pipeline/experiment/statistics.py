"""Estimates and intervals.

Belongs here: formulas, with their sources. Does not belong here: what they are applied to (`summary.py`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over attempts, with a 95 % interval."""

    mean: float
    n: int
    """Attempts it is the mean of."""
    low: float
    high: float


def estimate(values_by_case: Sequence[Sequence[float]]) -> Estimate | None:
    """The mean of values in [0, 1] and its interval; None without a value.

    With one yes-or-no value a case, Wilson's score interval (scipy's `binomtest`; Wilson 1927). Otherwise Student's
    interval for the mean of the cases' means: attempts at one case are not independent, cases are (clustered standard
    error; Miller 2024, "Adding Error Bars to Evals", section 2.2). Where every attempt at
    every case gave the same yes or no, that interval would be a point, and Wilson's over the cases is given. With fewer
    than two cases there is none to give, and it is all of [0, 1].
    """
    groups = [list(values) for values in values_by_case if len(values)]
    values = [value for group in groups for value in group]
    if not values:
        return None
    mean = math.fsum(values) / len(values)
    one_answer = len(set(values)) == 1 and values[0] in {0.0, 1.0}
    if one_answer or (all(len(group) == 1 for group in groups) and set(values) <= {0.0, 1.0}):
        low, high = _wilson(round(mean * len(groups)), len(groups))
        return Estimate(mean=mean, n=len(values), low=low, high=high)
    if len(groups) < 2:  # noqa: PLR2004
        return Estimate(mean=mean, n=len(values), low=0.0, high=1.0)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(groups) - 1)) * _clustered_error(groups, mean)
    return Estimate(mean=mean, n=len(values), low=max(0.0, mean - half), high=min(1.0, mean + half))


def pass_at_k(attempts: int, passed: int, k: int) -> float:
    """The chance that at least one of `k` attempts passes: `1 - C(n-c, k) / C(n, k)` (Chen et al. 2021, 2.1)."""
    return 1.0 - math.comb(attempts - passed, k) / math.comb(attempts, k)


def pass_hat_k(attempts: int, passed: int, k: int) -> float:
    """The chance that all of `k` attempts pass: `C(c, k) / C(n, k)` (τ-bench, Yao et al. 2024, section 3)."""
    return math.comb(passed, k) / math.comb(attempts, k)


def _wilson(passed: int, n: int) -> tuple[float, float]:
    interval = stats.binomtest(passed, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def _clustered_error(groups: Sequence[Sequence[float]], mean: float) -> float:
    """Cluster-robust standard error of the mean over all values, with the usual small-sample factor G / (G - 1)."""
    total = sum(len(group) for group in groups)
    residuals = np.array([math.fsum(value - mean for value in group) for group in groups])
    factor = len(groups) / (len(groups) - 1)
    return float(np.sqrt(factor * np.sum(residuals**2))) / total
