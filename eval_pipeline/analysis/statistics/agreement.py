"""Measures of agreement between two raters, with intervals that treat ratings of one case as dependent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from eval_pipeline.analysis.statistics.bounded_mean import CONFIDENCE
from eval_pipeline.analysis.statistics.estimate import estimate

Floats = NDArray[np.float64]
Pairs = Sequence[Sequence[tuple[Any, Any]]]
"""For each case: the ratings of both raters, for each item that both rated."""

_SEED = 20_240_601
_RESAMPLES = 1_000
_FEWEST_RESAMPLES = 200
_MOST_RANKED = 1_000_000
"""The most pairs that all resamples of a correlation rank together, which bounds the time. With many labels intervals
are narrow, and need fewer resamples."""
_SAME = 1e-9
"""Resamples that differ by less differ only by rounding."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A measure of agreement, with its 95 % interval if it has one (not with too few cases, or without variation)."""

    value: float
    low: float | None
    high: float | None


def accuracy(pairs: Pairs) -> Measure | None:
    """The share of pairs that are equal, with the interval of a pass rate (`estimate`)."""
    share = estimate([[float(one == other) for one, other in group] for group in pairs])
    return None if share is None else Measure(value=share.mean, low=share.low, high=share.high)


def kappa(pairs: Pairs) -> Measure | None:
    """Cohen's kappa (Cohen 1960); None if all ratings of both raters are the same.

    The interval is that of the percentile bootstrap over cases (Field & Welsh 2007). If all pairs agree, so does every
    resample; then the lower end follows from that of the accuracy, at the observed chance agreement.
    """
    counts = _counts(pairs)
    value = _kappa(counts.sum(axis=0))
    if not np.isfinite(value):
        return None
    low, high = _interval(lambda drawn: _kappa(counts[drawn].sum(axis=0)), cases=len(counts))
    share = accuracy(pairs)
    if value == 1.0 and share is not None and share.low is not None:
        total = counts.sum(axis=0)
        chance = float(total.sum(axis=0) @ total.sum(axis=1)) / float(total.sum()) ** 2
        low, high = (share.low - chance) / (1 - chance), 1.0
    return Measure(value=value, low=low, high=high)


def spearman(pairs: Pairs) -> Measure | None:
    """Spearman's rho, with tied ranks averaged (scipy); None if all ratings of a rater are the same."""
    return _ranked(pairs, lambda one, other: float(scipy.stats.spearmanr(one, other).statistic))


def kendall(pairs: Pairs) -> Measure | None:
    """Kendall's tau-b (scipy); None if all ratings of a rater are the same."""
    return _ranked(pairs, lambda one, other: float(scipy.stats.kendalltau(one, other).statistic))


def confusion(pairs: Pairs) -> list[tuple[Any, Any, int]]:
    """How often each pair of ratings occurs, the most frequent first."""
    counted: dict[tuple[Any, Any], int] = {}
    for group in pairs:
        for pair in group:
            counted[pair] = counted.get(pair, 0) + 1
    return sorted(((one, other, count) for (one, other), count in counted.items()), key=lambda row: (-row[2], str(row)))


def _ranked(pairs: Pairs, measure: Callable[[Floats, Floats], float]) -> Measure | None:
    groups = [np.array(group, dtype=np.float64).reshape(-1, 2) for group in pairs if len(group)]

    def of(drawn: Sequence[int]) -> float:
        rows = np.concatenate([groups[index] for index in drawn])
        if any(np.ptp(column) == 0 for column in rows.T):
            return float("nan")
        return measure(rows[:, 0], rows[:, 1])

    value = of(range(len(groups))) if groups else float("nan")
    if not np.isfinite(value):
        return None
    resamples = max(_FEWEST_RESAMPLES, min(_RESAMPLES, _MOST_RANKED // sum(map(len, groups))))
    low, high = _interval(of, cases=len(groups), resamples=resamples)
    return Measure(value=round(value, 12), low=low, high=high)


def _interval(
    measure: Callable[[Any], float], *, cases: int, resamples: int = _RESAMPLES
) -> tuple[float | None, float | None]:
    """Percentiles over resamples of the cases; none if they do not vary, or most resamples have no value."""
    draws = np.random.default_rng(_SEED)
    drawn = np.array([measure(draws.integers(0, cases, size=cases)) for _ in range(resamples)])
    finite = drawn[np.isfinite(drawn)]
    if cases < 2 or 2 * len(finite) < resamples or np.ptp(finite) < _SAME:  # noqa: PLR2004 - one case has no resamples
        return None, None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def _counts(pairs: Pairs) -> Floats:
    """For each case, how often each pair of categories occurs."""
    groups = [group for group in pairs if len(group)]
    categories = {value: index for index, value in enumerate(dict.fromkeys(v for g in groups for p in g for v in p))}
    counts = np.zeros((len(groups), len(categories), len(categories)))
    for case, group in enumerate(groups):
        for one, other in group:
            counts[case, categories[one], categories[other]] += 1
    return counts


def _kappa(table: Floats) -> float:
    """(p_o - p_e) / (1 - p_e), Cohen 1960, equation 1; not a number where agreement by chance is certain."""
    total = float(table.sum())
    by_chance = float(table.sum(axis=0) @ table.sum(axis=1))
    if not total or by_chance == total**2:
        return float("nan")
    return (float(np.trace(table)) * total - by_chance) / (total**2 - by_chance)
