"""Percentiles and their intervals."""

import pytest
from scipy import stats

from eval_pipeline.analysis.statistics.estimate import percentile_interval, percentiles


def test_percentiles_lie_between_the_nearest_values() -> None:
    """Hyndman and Fan 1996, definition 7, which is also R's default: quantile(1:5, c(.5, .95, .99))."""
    assert percentiles([5, 4, 3, 2, 1]) == pytest.approx({"p50": 3.0, "p95": 4.8, "p99": 4.96})
    assert percentiles([]) == {}


def test_the_interval_of_a_percentile_comes_from_order_statistics() -> None:
    low, high = percentile_interval(list(range(1, 1_001)), 95)
    below = stats.binom(1_000, 0.95)
    assert low is not None
    assert high is not None
    assert below.cdf(low - 1) <= 0.025 < below.cdf(low)
    assert below.sf(high - 1) <= 0.025 < below.sf(high - 2)


def test_few_values_do_not_bound_a_high_percentile() -> None:
    assert percentile_interval([1.0, 2.0, 3.0], 95)[1] is None
