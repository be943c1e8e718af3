"""Published confidence intervals of a mean, beside which `bench.intervals` measures ours.

Each takes samples, one a row, of values in [0, 1] (or [-1, 1] for differences), and gives the ends of all intervals.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats
from statsmodels.stats.proportion import proportion_confint

Floats = NDArray[np.float64]
Ends = tuple[Floats, Floats]

LEVEL = 0.05
_Z = float(stats.norm.isf(LEVEL / 2))
_RESAMPLES = 400
_GRID = 250


def student(samples: Floats) -> Ends:
    """Student's interval of the mean (of case means, if they are that: the clustered one)."""
    mean = samples.mean(axis=1)
    half = stats.t.isf(LEVEL / 2, samples.shape[1] - 1) * stats.sem(samples, axis=1)
    return mean - half, mean + half


def percentile_bootstrap(samples: Floats) -> Ends:
    """Efron's percentile interval."""
    draws = np.random.default_rng(1)
    ends = [np.quantile(_resampled(row, draws).mean(axis=1), [LEVEL / 2, 1 - LEVEL / 2]) for row in samples]
    low, high = np.transpose(ends)
    return low, high


def bootstrap_t(samples: Floats) -> Ends:
    """The bootstrap-t interval (Efron and Tibshirani 1993, 12.5); the exact one where all values are equal."""
    draws = np.random.default_rng(1)
    count = samples.shape[1]
    ends = []
    for row in samples:
        mean, error = row.mean(), row.std(ddof=1) / np.sqrt(count)
        drawn = _resampled(row, draws)
        errors = drawn.std(axis=1, ddof=1) / np.sqrt(count)
        scores = (drawn.mean(axis=1) - mean)[errors > 0] / errors[errors > 0]
        if error == 0 or len(scores) < _RESAMPLES / 2:
            unseen = 1 - (LEVEL / 2) ** (1 / count)
            ends.append((mean - unseen, mean + unseen))
        else:
            lower, upper = np.quantile(scores, [LEVEL / 2, 1 - LEVEL / 2])
            ends.append((mean - upper * error, mean - lower * error))
    low, high = np.transpose(ends)
    return low, high


def empirical_bernstein(samples: Floats, *, lowest: float = 0.0) -> Ends:
    """The interval of Maurer and Pontil 2009, theorem 4."""
    scaled = (samples - lowest) / (1 - lowest)
    count, log = samples.shape[1], np.log(4 / LEVEL)
    half = np.sqrt(2 * scaled.var(axis=1, ddof=1) * log / count) + 7 * log / (3 * (count - 1))
    return _unscaled(scaled.mean(axis=1) - half, scaled.mean(axis=1) + half, lowest)


def betting(samples: Floats, *, lowest: float = 0.0) -> Ends:
    """The hedged betting interval of Waudby-Smith and Ramdas 2024, with their predictable bets."""
    scaled = (samples - lowest) / (1 - lowest)
    count = samples.shape[1]
    seen = np.arange(1, count + 1)
    means = (0.5 + scaled.cumsum(axis=1)) / (seen + 1)
    spread = (0.25 + ((scaled - means) ** 2).cumsum(axis=1)) / (seen + 1)
    before = np.append(np.full((len(scaled), 1), 0.25), spread[:, :-1], axis=1)
    bets = np.sqrt(2 * np.log(2 / LEVEL) / (count * before))
    grid = np.linspace(0.001, 0.999, _GRID)
    kept = np.empty((len(scaled), _GRID), dtype=bool)
    for column, mean in enumerate(grid):
        up = np.log1p(np.minimum(bets, 0.5 / mean) * (scaled - mean)).cumsum(axis=1).max(axis=1)
        down = np.log1p(-np.minimum(bets, 0.5 / (1 - mean)) * (scaled - mean)).cumsum(axis=1).max(axis=1)
        kept[:, column] = np.maximum(up, down) < np.log(2 / LEVEL)
    step = grid[1] - grid[0]
    return _unscaled(grid[kept.argmax(axis=1)] - step, grid[_GRID - 1 - kept[:, ::-1].argmax(axis=1)] + step, lowest)


def stringer(samples: Floats, *, lowest: float = 0.0) -> Ends:
    """Stringer's bounds (1963), of the auditors, in both directions."""
    scaled = (samples - lowest) / (1 - lowest)
    return _unscaled(1 - _stringer_upper(1 - scaled), _stringer_upper(scaled), lowest)


def of_shares(method: str, samples: Floats) -> Ends:
    """An interval of statsmodels for yes or no: `wilson`, `agresti_coull`, `jeffreys`, `beta` (exact), `normal`."""
    return proportion_confint(samples.sum(axis=1), samples.shape[1], LEVEL, method)  # type: ignore[no-any-return]


def korn_graubard(samples: Floats, *, attempts: int) -> Ends:
    """The exact interval at the effective sample size (Korn and Graubard 1998), of the shares of the attempts."""
    cases = samples.shape[1]
    rate = samples.mean(axis=1)
    error = samples.var(axis=1, ddof=1) / cases
    degrees = (stats.t.isf(LEVEL / 2, cases * attempts - 1) / stats.t.isf(LEVEL / 2, cases - 1)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(error > 0, np.minimum(cases * attempts, rate * (1 - rate) / error * degrees), cases)
    passed = rate * size
    low = np.where(passed > 0, stats.beta.ppf(LEVEL / 2, passed, size - passed + 1), 0.0)
    high = np.where(passed < size, stats.beta.isf(LEVEL / 2, passed + 1, size - passed), 1.0)
    return low, high


def newcombe(then: Floats, now: Floats) -> Ends:
    """Newcombe's interval of a paired difference of shares (1998, method 10)."""
    count = then.shape[1]
    both, neither = (then * now).sum(axis=1), ((1 - then) * (1 - now)).sum(axis=1)
    fell, rose = (then * (1 - now)).sum(axis=1), ((1 - then) * now).sum(axis=1)
    first, second = then.mean(axis=1), now.mean(axis=1)
    (low_1, high_1), (low_2, high_2) = of_shares("wilson", now), of_shares("wilson", then)
    product = (both + fell) * (rose + neither) * (both + rose) * (fell + neither)
    cross = both * neither - fell * rose
    corrected = np.where(cross > 0, np.maximum(cross - count / 2, 0), cross)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = np.where(product > 0, corrected / np.sqrt(product), 0.0)
    down, up = second - low_1, high_1 - second
    down_2, up_2 = high_2 - first, first - low_2
    difference = second - first
    return (
        difference - np.sqrt(np.maximum(0, down**2 - 2 * phi * down * down_2 + down_2**2)),
        difference + np.sqrt(np.maximum(0, up**2 - 2 * phi * up * up_2 + up_2**2)),
    )


def tango(then: Floats, now: Floats) -> Ends:
    """Tango's score interval of a paired difference of shares (1998)."""
    fell, rose = (then * (1 - now)).sum(axis=1), ((1 - then) * now).sum(axis=1)
    counted: dict[tuple[float, float], tuple[float, float]] = {}
    for pair in set(zip(rose.tolist(), fell.tolist(), strict=True)):
        counted[pair] = _tango(*pair, then.shape[1])
    low, high = np.transpose([counted[pair] for pair in zip(rose.tolist(), fell.tolist(), strict=True)])
    return low, high


def _tango(rose: float, fell: float, count: int) -> tuple[float, float]:
    def score(difference: float) -> float:
        linear = -rose - fell + (2 * count - rose + fell) * difference
        root = np.sqrt(max(0.0, linear**2 + 8 * count * fell * difference * (1 - difference)))
        rate = max(0.0, (root - linear) / (4 * count))
        spread = np.sqrt(max(1e-12, count * (2 * rate + difference * (1 - difference))))
        return float((rose - fell - count * difference) / spread)

    mean = (rose - fell) / count
    low = -1.0 if mean <= -1 else optimize.brentq(lambda value: score(value) - _Z, -1 + 1e-9, mean)
    high = 1.0 if mean >= 1 else optimize.brentq(lambda value: score(value) + _Z, mean, 1 - 1e-9)
    return low, high


def _resampled(row: Floats, draws: np.random.Generator) -> Floats:
    return row[draws.integers(0, len(row), (_RESAMPLES, len(row)))]


def _stringer_upper(samples: Floats) -> Floats:
    count = samples.shape[1]
    ordered = -np.sort(-samples, axis=1)
    errors = np.arange(count + 1)
    bounds = np.append(stats.beta.isf(LEVEL / 2, errors[:-1] + 1, count - errors[:-1]), 1.0)
    return bounds[0] + ordered @ np.diff(bounds)  # type: ignore[no-any-return]


def _unscaled(low: Floats, high: Floats, lowest: float) -> Ends:
    return lowest + (1 - lowest) * low, lowest + (1 - lowest) * high
