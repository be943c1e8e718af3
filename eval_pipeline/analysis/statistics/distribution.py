"""Percentiles and their intervals."""

from collections.abc import Sequence

import numpy as np
import scipy

from eval_pipeline.analysis.statistics.estimate import CONFIDENCE

PERCENTILES = (50, 95, 99)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """`p50`, `p95` and `p99`, between the two nearest values (numpy's default); empty without values."""
    return {f"p{q}": float(np.percentile(values, q)) for q in PERCENTILES} if len(values) else {}


def percentile_interval(values: Sequence[float], q: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a percentile from order statistics (Conover 1999, 3.2; scipy's `quantile_test`).

    It takes the values as independent. An end that so few values cannot bound is None.
    """
    found = scipy.stats.quantile_test(values, p=q / 100).confidence_interval(CONFIDENCE)
    low, high = float(found.low), float(found.high)
    return (None if np.isnan(low) else low), (None if np.isnan(high) else high)
