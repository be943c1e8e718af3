"""Measures of predicted against expected labels, and their intervals by a bootstrap over the cases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RESAMPLES = 1_000
_SEED = 20_230_601
"""Fixed, so that equal rows give equal intervals."""
_TAILS = (2.5, 97.5)
_LEAST_PAIRS = 3
"""For a correlation."""


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """How often each label was predicted where each was expected; each case weighs one."""

    labels: Sequence[str]
    counts: Floats
    """Of each case: `cases x expected x predicted`, each case's sum is one."""

    @classmethod
    def of(cls, pairs: Sequence[Sequence[tuple[str, str]]]) -> "Confusion":
        """Of the (predicted, expected) pairs of each case's attempts; cases without any are left out."""
        present = [each for each in pairs if each]
        labels = sorted({label for case in present for pair in case for label in pair})
        place = {label: number for number, label in enumerate(labels)}
        counts = np.zeros((len(present), len(labels), len(labels)))
        for number, case in enumerate(present):
            for predicted, expected in case:
                counts[number, place[expected], place[predicted]] += 1 / len(case)
        return cls(labels=labels, counts=counts)

    def table(self) -> dict[str, dict[str, float]]:
        """By expected and predicted label, the number of cases."""
        total = self.counts.sum(axis=0)
        return {
            expected: {
                predicted: round(float(total[row, column]), 6)
                for column, predicted in enumerate(self.labels)
                if total[row, column]
            }
            for row, expected in enumerate(self.labels)
            if total[row].any()
        }


def accuracy(table: Floats) -> float:
    """The share of the cases that are predicted as expected."""
    return float(np.trace(table) / table.sum())


def precision(table: Floats, positive: int | None) -> float:
    """Of a label, the share of its predictions that were expected; without one the mean over all labels."""
    return _of_labels(np.diagonal(table), table.sum(axis=0), positive)


def recall(table: Floats, positive: int | None) -> float:
    """Of a label, the share of where it was expected that was predicted; without one the mean over all labels."""
    return _of_labels(np.diagonal(table), table.sum(axis=1), positive)


def f1(table: Floats, positive: int | None) -> float:
    """The harmonic mean of precision and recall of a label; without one the mean over all labels."""
    return _of_labels(2 * np.diagonal(table), table.sum(axis=0) + table.sum(axis=1), positive)


def _of_labels(hits: Floats, totals: Floats, positive: int | None) -> float:
    """Shares, with 0 for a label that never occurs, as in scikit-learn."""
    shares = np.divide(hits, totals, out=np.zeros_like(hits, dtype=float), where=totals > 0)
    return float(shares.mean() if positive is None else shares[positive])


def bootstrap_interval(counts: Floats, measure: Callable[[Floats], float]) -> tuple[float, float]:
    """The 95 % interval of a measure of the sum of each case's counts (percentile bootstrap over the cases)."""
    chance = np.random.default_rng(_SEED)
    flat = counts.reshape(len(counts), -1)
    weights = chance.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=_RESAMPLES)
    tables = (weights @ flat).reshape(-1, *counts.shape[1:])
    low, high = np.percentile([measure(table) for table in tables], _TAILS)
    return float(low), float(high)


def correlations(pairs: Sequence[tuple[float, float]]) -> Mapping[str, float] | None:
    """`spearman` and `pearson` of pairs; None where there are too few, or one side never varies."""
    if len(pairs) < _LEAST_PAIRS:
        return None
    first, second = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    if first.std() == 0 or second.std() == 0:
        return None
    return {
        "spearman": float(scipy.stats.spearmanr(first, second).statistic),
        "pearson": float(scipy.stats.pearsonr(first, second).statistic),
    }


def correlation_interval(pairs: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """The 95 % interval of Spearman's correlation (percentile bootstrap over the cases); None where it has none."""
    chance = np.random.default_rng(_SEED)
    values = np.array(pairs, dtype=float)
    drawn = []
    for _ in range(_RESAMPLES):
        sample = values[chance.integers(0, len(values), len(values))]
        if sample[:, 0].std() > 0 and sample[:, 1].std() > 0:
            ranks = [scipy.stats.rankdata(side) for side in sample.T]
            drawn.append(float(np.corrcoef(*ranks)[0, 1]))
    if not drawn:
        return None
    low, high = np.percentile(drawn, _TAILS)
    return float(low), float(high)
