"""Our distributions are those of `scipy.stats`."""

import numpy as np
import pytest
from scipy import stats

from eval_pipeline.analysis.statistics import distributions as ours
from eval_pipeline.analysis.statistics.estimate import percentile_interval

_SIZES = np.arange(61)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.95, 1.0])
def test_binomial_probabilities_are_those_of_scipy(share: float) -> None:
    counts = np.arange(-1, 62)

    for n in (0, 1, 7, 60):
        inside = counts[(counts >= 0) & (counts <= n)]
        assert ours.binomial_pmf(inside, n, share) == pytest.approx(stats.binom.pmf(inside, n, share), abs=1e-12)
        assert ours.binomial_cdf(counts, n, share) == pytest.approx(stats.binom.cdf(counts, n, share), abs=1e-12)
        assert ours.binomial_sf(counts, n, share) == pytest.approx(stats.binom.sf(counts, n, share), abs=1e-12)


@pytest.mark.parametrize("tail", [0.001, 0.025, 0.05, 0.5, 0.975])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_counts_that_are_exceeded_with_a_probability_are_those_of_scipy(tail: float, share: float) -> None:
    sizes = np.concatenate([_SIZES[1:], [500, 5_000]])

    assert ours.binomial_isf(tail, sizes, share).tolist() == stats.binom.isf(tail, sizes, share).astype(int).tolist()
    assert ours.binomial_isf(tail, 0, share) == 0


def test_intervals_of_shares_are_those_of_scipy() -> None:
    for n in (1, 2, 30, 500):
        for successes in {0, 1, n // 2, n - 1, n}:
            expected = stats.binomtest(successes, n).proportion_ci(0.95)
            assert ours.share_interval(successes, n, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-10)


def test_students_test_and_interval_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).normal(0.1, 1.0, 400)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)

    assert ours.student_interval(values, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-10)
    assert ours.student_p_value(values) == pytest.approx(stats.ttest_1samp(values, 0.0, alternative="less").pvalue)


@pytest.mark.parametrize("percentile", [50, 95, 99])
def test_intervals_of_percentiles_are_those_of_scipy(percentile: int) -> None:
    for n in (1, 2, 10, 60, 500):
        values = np.random.default_rng(n).random(n)
        expected = stats.quantile_test(values, p=percentile / 100).confidence_interval(0.95)
        given = [np.nan if end is None else end for end in percentile_interval(list(values), percentile)]
        assert given == pytest.approx([expected.low, expected.high], nan_ok=True)
