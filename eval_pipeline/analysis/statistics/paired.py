"""The paired difference between two experiments on the same cases: its interval and p-values.

A case counts once, with the mean over its attempts: attempts at one case are not independent, and a case that is hard
in both experiments does not show which is better.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from eval_pipeline.analysis.statistics.bounded_mean import CONFIDENCE, TAIL, Floats, bounded_mean_interval
from eval_pipeline.analysis.statistics.power import PARTS, smallest_detectable

_SEED = 20_240_602
_PERMUTATIONS = 9_999
_SUBSETS = 4_000
_FEW = 15
"""With at most so many differing cases, all permutations are computed."""
_MOST_TO_PERMUTE = 300
"""Differing cases; with more the permutation distribution is normal."""
_FEWEST = 10
"""Cases; the difference of an unlimited number, such as seconds, has no interval with fewer."""
_LEAST_SHOWN = 0.0001
_SMALLEST = 1e-12
"""Smaller differences of means are rounding errors."""


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """Now minus then, over the cases that both experiments have."""

    cases: int
    then: float
    """The mean over the cases."""
    now: float
    difference: float
    low: float | None
    """95 % interval of the difference. It holds zero unless `p_value` is below 0.05. None for seconds or dollars of
    fewer than ten cases, or where none differs."""
    high: float | None
    p_value: float
    """Two-sided: the probability of a difference at least as large by chance alone."""
    p_drop: float
    """One-sided: the probability of a drop at least as large by chance alone."""
    p_rise: float
    smallest_detectable: float | None
    """The true drop that this many cases detect with probability 0.8, at level 0.05; None if there is none, and for
    seconds and dollars."""
    chance_error: float = 0.0
    """The standard error of the difference, if nothing changed but by chance."""


def paired_difference(
    then: Sequence[float], now: Sequence[float], *, most: float | None = 1.0
) -> PairedDifference | None:
    """The difference of a number between two experiments on the same cases; None without cases.

    Args:
        then: the mean over the attempts of each case, in the baseline.
        now: the same in the new experiment, in the same order.
        most: the largest difference that a case can have; None if there is no limit, as for seconds.
    """
    if not then:
        return None
    # Sorted, so that the order of cases does not change the result, not even by rounding.
    pairs = np.array(sorted(zip(then, now, strict=True)), dtype=float)
    differences = np.sort(pairs[:, 1] - pairs[:, 0])
    differences[np.abs(differences) < _SMALLEST] = 0.0
    p_drop, p_rise = sign_flip_p_values(differences)
    low, high = difference_interval(differences, p_drop, p_rise, most)
    return PairedDifference(
        cases=len(then),
        then=math.fsum(then) / len(then),
        now=math.fsum(now) / len(now),
        difference=math.fsum(differences) / len(then),
        low=low,
        high=high,
        p_value=min(1.0, 2 * min(p_drop, p_rise)),
        p_drop=p_drop,
        p_rise=p_rise,
        chance_error=float(np.sqrt(differences @ differences)) / len(then),
        smallest_detectable=None if most is None else smallest_detectable(pairs[:, 0], pairs[:, 1]),
    )


def difference_interval(
    differences: Floats, p_drop: float, p_rise: float, most: float | None
) -> tuple[float, float] | tuple[None, None]:
    """The 95 % interval of the mean difference, which excludes zero if and only if the permutation test does.

    Limited differences have that of `bounded_mean`. With one verdict a case it excludes zero where McNemar's exact
    test does; with others the two may decide differently about zero, and the end near zero is then that of the test.
    """
    if most is not None:
        low, high = bounded_mean_interval(differences, lowest=-most, highest=most)
    elif len(differences) < _FEWEST or not differences.any():
        return None, None
    else:
        low, high = permutation_interval(differences)
    if min(p_drop, p_rise) >= TAIL:
        return min(low, 0.0), max(high, 0.0)
    if p_rise < TAIL and low <= 0:
        low = max(permutation_interval(differences)[0], _SMALLEST)
    if p_drop < TAIL and high >= 0:
        high = min(permutation_interval(differences)[1], -_SMALLEST)
    return low, high


def permutation_interval(differences: Floats) -> tuple[float, float]:
    """The interval of all differences that the paired permutation test does not reject.

    Its ends are quantiles of the means of random subsets (Hartigan 1969, "Using Subsample Values as Typical Values").
    Of more than 300 cases it is Student's, as their test is.
    """
    n = len(differences)
    if n > _MOST_TO_PERMUTE:
        interval = scipy.stats.ttest_1samp(differences, 0.0).confidence_interval(CONFIDENCE)
        return float(interval.low), float(interval.high)
    means = np.concatenate(
        [subsets @ differences / np.maximum(1, subsets.sum(axis=1)) for subsets in _subsets(n, _SUBSETS)]
    )
    low, high = np.quantile(means, [TAIL, 1 - TAIL], method="inverted_cdf")
    return float(low), float(high)


def sign_flip_p_values(differences: Floats) -> tuple[float, float]:
    """One-sided p-values of the cases' differences, for a drop and for a rise: the paired permutation test.

    If there were no difference, that of each case could as well have the other sign (Fisher 1935; Good 2005, chapter
    3); so the test holds its level whatever the spread between cases. For shares of attempts all signs are enumerated;
    with one attempt a case that is McNemar's exact test (1947). For other scores all signs of few cases are enumerated,
    those of more are drawn; for more than 300 differing cases it is Student's paired test.
    """
    differing = np.sort(differences[differences != 0])
    if not len(differing):
        return 1.0, 1.0
    parts = differing * PARTS
    steps = np.rint(parts).astype(int)
    if np.allclose(parts, steps, rtol=0, atol=_SMALLEST * PARTS):
        return _counted(steps)
    if len(differing) == 1:  # too few for scipy; its size does not matter
        return _counted(np.sign(differing).astype(int))
    return _drawn(differing)


def _counted(steps: NDArray[np.int_]) -> tuple[float, float]:
    """The two p-values from the distribution of the sum of all steps, each as likely up as down."""
    from scipy import signal  # noqa: PLC0415 - takes a second to import, and most commands compare nothing

    chances, unit = np.ones(1), int(np.gcd.reduce(steps))
    sizes, counts = np.unique(np.abs(steps) // unit, return_counts=True)
    for size, count in zip(sizes, counts, strict=True):
        # `count` steps of one size sum to size x (2 B - count), where B is binomial.
        of_size = np.zeros(2 * size * count + 1)
        of_size[:: 2 * size] = scipy.stats.binom.pmf(np.arange(count + 1), count, 0.5)
        # By FFT where that is faster; its rounding errors may be below zero.
        chances = np.clip(signal.convolve(chances, of_size), 0, None)
    observed = int(steps.sum()) // unit + (len(chances) - 1) // 2
    drop, rise = float(chances[: observed + 1].sum()), float(chances[observed:].sum())
    return min(1.0, drop), min(1.0, rise)


def _drawn(differing: Floats) -> tuple[float, float]:
    n = len(differing)
    if n > _MOST_TO_PERMUTE:
        drop = float(scipy.stats.ttest_1samp(differing, 0.0, alternative="less").pvalue)
        return drop, 1.0 - drop
    every = n <= _FEW
    risen = np.concatenate([subsets @ differing for subsets in _subsets(n, 2**n if every else _PERMUTATIONS)])
    # The sum with random signs is twice that of the positive ones, less that of all. The observed one counts among
    # random ones, not among all of them.
    own = 0 if every else 1
    drop, rise = (
        float((np.sum(sign * (risen - differing.sum()) <= _SMALLEST) + own) / (len(risen) + own)) for sign in (1, -1)
    )
    return min(1.0, drop), min(1.0, rise)


def _subsets(n: int, number: int) -> Iterator[NDArray[np.bool_]]:
    """All subsets of `n` cases, if so many are asked for, or random ones, in batches."""
    if number == 2**n:
        yield (np.arange(number)[:, np.newaxis] >> np.arange(n)) & 1 == 1
        return
    draws = np.random.default_rng(_SEED)
    batch = max(1, 2_000_000 // n)
    for start in range(0, number, batch):
        yield draws.random((min(batch, number - start), n)) < 0.5  # noqa: PLR2004


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for multiple tests (Holm 1979), in the order given."""
    return weighted_holm(p_values, [1.0] * len(p_values))


def weighted_holm(p_values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """P-values adjusted for multiple tests that have shares of the level by their weights (Holm 1979, section 3)."""
    shares = np.asarray(p_values, dtype=float) / np.asarray(weights, dtype=float)
    order = np.argsort(shares)
    left = np.cumsum(np.asarray(weights, dtype=float)[order][::-1])[::-1]
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(shares[order] * left))
    return adjusted.tolist()


def shown_p(value: float) -> str:
    """A p-value as text: `0.0123`, or `<0.0001` for anything smaller."""
    return f"<{_LEAST_SHOWN:.4f}" if value < _LEAST_SHOWN else f"{value:.4f}"


def p_is(value: float) -> str:
    """A p-value as text: `p=0.0123`, or `p<0.0001`."""
    shown = shown_p(value)
    return f"p{shown}" if shown.startswith("<") else f"p={shown}"
