"""The smallest true drop that the paired test of two experiments most likely detects."""

import math
from collections.abc import Callable

import numpy as np
import scipy

from eval_pipeline.analysis.statistics.bounded_mean import Floats
from eval_pipeline.analysis.statistics.distributions import binomial_isf, binomial_pmf, binomial_sf

LEVEL = 0.05
POWER = 0.8
PARTS = 5_040
"""Shares of 1 to 10 attempts are whole numbers of this part."""
_EXACT = 1e-9
_UNSEEN = 0.5
_MOST_EXACT = 1_000
"""Cases; with more the number that fell is normal."""


def smallest_detectable(then: Floats, now: Floats) -> float | None:
    """The drop that the one-sided paired test at level 0.05 detects with probability 0.8; None if it detects none.

    Also None for scores that do not differ at all, which do not show how far scores vary by chance.

    The power is computed where the drop is true, not where it is zero: attempts that pass now fail with one
    probability in all cases, on top of as many changes in both directions as these two experiments have. With one
    verdict a case it is the exact power of McNemar's test; for others, and for more than a thousand cases, the test
    statistic is taken as normal.

    Args:
        then: the mean over the attempts of each case, in the baseline.
        now: the same in the new experiment, in the same order.
    """
    level = float((then.sum() + now.sum()) / (2 * len(then)))
    attempts = attempts_of_shares(np.concatenate([then, now]))
    if level <= 0 or (attempts is None and np.allclose(then, now, rtol=0, atol=_EXACT)):
        return None
    power = (
        _exact_power(then, now) if attempts == 1 and len(then) <= _MOST_EXACT else _normal_power(then, now, attempts)
    )
    if power(1.0) < POWER:
        return None
    return level * float(scipy.optimize.brentq(lambda lost: power(lost) - POWER, 0.0, 1.0, xtol=1e-6))


def attempts_of_shares(values: Floats) -> int | None:
    """The number of attempts that the values are shares of, if there is one of at most ten; None for other scores."""
    parts = values * PARTS
    steps = np.rint(parts).astype(int)
    if not np.allclose(parts, steps, rtol=0, atol=_EXACT * PARTS):
        return None
    return PARTS // math.gcd(PARTS, int(np.gcd.reduce(steps)))


def _exact_power(then: Floats, now: Floats) -> Callable[[float], float]:
    """The probability that McNemar's exact test detects that this share of the passing cases fails."""
    cases = len(then)
    # Half a differing case more than there are, as few cases that all agree do not show that none ever differs.
    changing = (float((then != now).sum()) + _UNSEEN) / (cases + _UNSEEN) / 2
    staying = max(0.0, float((then.sum() + now.sum()) / (2 * cases)) - changing)
    differing = np.arange(cases + 1)
    fewest = binomial_isf(LEVEL, differing, 0.5) + 1
    """Of so many differing cases, as many must have fallen."""

    def power(lost: float) -> float:
        fell, rose = changing + lost * staying, changing * (1 - lost)
        chances = binomial_pmf(differing, cases, min(1.0, fell + rose))
        return float((chances * binomial_sf(fewest - 1, differing, fell / (fell + rose))).sum())

    return power


def _normal_power(then: Floats, now: Floats, attempts: int | None) -> Callable[[float], float]:
    """The probability that the permutation test detects that this share of the score, or of the attempts, is lost."""
    cases = len(then)
    level = float((then.sum() + now.sum()) / (2 * cases))
    squares = float((then @ then + now @ now) / (2 * cases))
    products = float(then @ now) / cases
    critical = -float(scipy.special.ndtri(LEVEL))
    # Sums of shares are whole steps: the observed one counts among those at least as large.
    step = 0.0 if attempts is None else 1 / attempts
    flaky = 0.0 if attempts is None else level / attempts

    def power(lost: float) -> float:
        """Of the sum of the differences, beside its spread under random signs, which the test compares it with."""
        second = ((1 - lost) ** 2 + 1) * squares - 2 * (1 - lost) * products + lost * (1 - lost) * flaky
        spread = math.sqrt(cases * max(_EXACT, second - (lost * level) ** 2))
        return float(scipy.special.ndtr((cases * lost * level - step - critical * math.sqrt(cases * second)) / spread))

    return power
