"""The confidence interval of a mean of bounded values, such as verdicts, scores, or their differences.

It is that of Gaffke 2005, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
variable", found again by Learned-Miller and Thomas 2019, "A New Confidence Interval for the Mean of a Bounded Random
Variable". The lower end is a quantile of a weighted mean of the values and one more value, the lowest possible, where
the weights are those of the Bayesian bootstrap. Of yes-or-no values it is the exact interval of Clopper and Pearson; of
many values it is that of the normal distribution. It assumes nothing of the distribution: a few equal values do not
give an interval of width zero. `python -m bench.intervals` measures it beside other methods.
"""

import numpy as np
import scipy
from numpy.typing import NDArray

CONFIDENCE = 0.95
TAIL = (1 - CONFIDENCE) / 2
"""The probability that the true mean is below the interval, and that it is above it."""
_EQUAL = 1e-12
_FIRST, _LAST = -8.0, 30.0
"""Where the root is searched, as logits of the tilt."""

Floats = NDArray[np.float64]


def bounded_mean_intervals(samples: Floats, *, lowest: float = 0.0, highest: float = 1.0) -> tuple[Floats, Floats]:
    """The 95 % intervals of several means.

    Args:
        samples: one sample a row, of one or more values each.
        lowest: the least value that could occur.
        highest: the greatest value that could occur.
    """
    from_below, from_above = np.split(_lower_ends(np.concatenate([samples - lowest, highest - samples])), 2)
    return lowest + from_below, highest - from_above


def bounded_mean_interval(values: Floats, *, lowest: float = 0.0, highest: float = 1.0) -> tuple[float, float]:
    """The 95 % interval of the mean of one sample."""
    low, high = bounded_mean_intervals(values[np.newaxis], lowest=lowest, highest=highest)
    return float(low[0]), float(high[0])


def _lower_ends(samples: Floats) -> Floats:
    """The lower end of each row of values that are zero or more."""
    extended = np.append(samples, np.zeros((len(samples), 1)), axis=1)
    centers = extended.mean(axis=1)
    centered = extended - centers[:, np.newaxis]
    varied = centers > _EQUAL
    ends = np.zeros(len(samples))
    if varied.any():
        from scipy.optimize import elementwise  # noqa: PLC0415 - takes a second to import

        rows = centered[varied]

        def beyond(logit: Floats, row: Floats) -> Floats:
            chances = _mean_and_tail(rows[row.astype(int)], logit)[1]
            return scipy.stats.norm.ppf(chances) - scipy.stats.norm.ppf(TAIL)  # type: ignore[no-any-return]

        bracket = (np.full(len(rows), _FIRST), np.full(len(rows), _LAST))
        roots = elementwise.find_root(beyond, bracket, args=(np.arange(len(rows)),), tolerances={"xatol": 1e-7})
        ends[varied] = np.maximum(0.0, centers[varied] + _mean_and_tail(rows, roots.x)[0])
    return ends


def _mean_and_tail(rows: Floats, logits: Floats) -> tuple[Floats, Floats]:
    """A possible mean of each row, and the probability that the weighted mean is at most that.

    With exponential weights E the weighted mean is at most m with the probability that the sum of E (x - m) is at most
    zero, which is that of the saddlepoint approximation of Lugannani and Rice 1980. The tilt that belongs to m is given
    here, as m follows from it in one step: -1 / |lowest| is the largest possible.
    """
    tilts = -scipy.special.expit(logits) / np.abs(rows[:, -1])
    inverses = 1 / (1 - tilts[:, np.newaxis] * rows)
    means = (rows * inverses).sum(axis=1) / inverses.sum(axis=1)
    scales = 1 / (1 - tilts * means)
    generating = np.log(inverses).sum(axis=1) - rows.shape[1] * np.log(scales)
    curvature = (((rows - means[:, np.newaxis]) * inverses / scales[:, np.newaxis]) ** 2).sum(axis=1)
    signed = -np.sqrt(np.maximum(_EQUAL, -2 * generating))
    slope = tilts * scales * np.sqrt(curvature)
    chances = scipy.stats.norm.cdf(signed) + scipy.stats.norm.pdf(signed) * (1 / signed - 1 / slope)
    return means, np.clip(chances, 1e-300, 1 - 1e-12)
