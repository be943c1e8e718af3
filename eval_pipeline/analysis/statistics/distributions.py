"""Binomial and Student's distributions by `scipy.special`, which imports in a tenth of the time of `scipy.stats`.

Arguments may be arrays, as numpy broadcasts them. A test compares each function with `scipy.stats`.
"""

from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from eval_pipeline.analysis.statistics.bounded_mean import Floats


def binomial_pmf(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> Floats:
    """The probability of `k` successes among `n`."""
    special, k, n = scipy.special, np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    chance: Floats = np.exp(ways + special.xlogy(k, p) + special.xlog1py(n - k, -np.asarray(p, dtype=float)))
    return chance


def binomial_cdf(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> Floats:
    """The probability of at most `k` successes among `n`."""
    return 1.0 - binomial_sf(k, n, p)


def binomial_sf(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> Floats:
    """The probability of more than `k` successes among `n`."""
    k, n = np.broadcast_arrays(np.floor(np.asarray(k, dtype=float)), np.asarray(n, dtype=float))
    inside = (k >= 0) & (k < n)
    beta = scipy.special.betainc(np.where(inside, k + 1, 1.0), np.where(inside, n - k, 1.0), p)
    return np.where(inside, beta, np.where(k < 0, 1.0, 0.0))


def binomial_isf(q: float, n: ArrayLike, p: float) -> NDArray[np.int_]:
    """The fewest successes among `n` that more than which have a probability of at most `q`."""
    n = np.asarray(n, dtype=float)
    near = np.nan_to_num(np.ceil(scipy.special.bdtrik(1 - q, n, p)), nan=0.0)
    candidates = np.clip(near + np.arange(-2, 3).reshape(-1, *(1,) * n.ndim), 0, n)
    fewest = np.where(binomial_sf(candidates, n, p) <= q, candidates, n).min(axis=0)
    return np.asarray(fewest, dtype=int)


def share_interval(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """The exact interval of a share: Clopper and Pearson 1934."""
    tail = (1 - confidence) / 2
    low = float(scipy.special.betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(scipy.special.betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return low, high


def student_p_value(values: Floats) -> float:
    """The p-value of Student's test that the mean is not below zero."""
    with np.errstate(divide="ignore", invalid="ignore"):  # all values may be equal
        return float(scipy.special.stdtr(len(values) - 1, values.mean() / _standard_error(values)))


def student_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Student's interval of the mean."""
    reach = float(scipy.special.stdtrit(len(values) - 1, (1 + confidence) / 2)) * _standard_error(values)
    mean = float(values.mean())
    return mean - reach, mean + reach


def _standard_error(values: Floats) -> Any:
    return values.std(ddof=1) / np.sqrt(len(values))
