"""Estimates and intervals, against published values, statsmodels, and simulation."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.proportion import proportion_confint

from eval_pipeline.analysis.statistics.bounded_mean import bounded_mean_interval
from eval_pipeline.analysis.statistics.estimate import Estimate, estimate

Groups = list[list[float]]

scores = st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=3), min_size=1, max_size=12)
verdicts = st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=3), min_size=1, max_size=12)


def intervals(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ends of the interval of each row."""
    low, high = np.transpose([bounded_mean_interval(sample) for sample in samples])
    return low, high


def of(groups: Groups) -> Estimate:
    estimated = estimate(groups)
    assert estimated is not None
    return estimated


@given(st.integers(1, 300), st.data())
@settings(max_examples=60, deadline=None)
def test_one_yes_or_no_a_case_has_the_exact_interval_of_statsmodels(n: int, data: st.DataObject) -> None:
    passed = data.draw(st.integers(0, n))
    estimated = of([[1.0]] * passed + [[0.0]] * (n - passed))
    assert (estimated.mean, estimated.n, estimated.cases) == (passed / n, n, n)
    expected = proportion_confint(passed, n, alpha=0.05, method="beta")
    assert [estimated.low, estimated.high] == pytest.approx([float(end) for end in expected], abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 5, 20, 100, 1000])
def test_the_interval_of_bounded_yes_or_no_is_that_of_beta_distributions(n: int) -> None:
    """Between the exact one and that of Jeffreys. The saddlepoint approximation is off by 0.003 for a few cases."""
    for passed in {0, 1, n // 2, n - 1, n}:
        values = np.array([1.0] * passed + [0.0] * (n - passed))
        low = stats.beta.ppf(0.025, passed, n - passed + 0.75) if passed else 0.0
        high = stats.beta.isf(0.025, passed + 0.75, n - passed) if passed < n else 1.0
        assert bounded_mean_interval(values) == pytest.approx((float(low), float(high)), abs=0.004)


@pytest.mark.parametrize("n", [5, 10, 20, 50])
def test_the_worst_distribution_is_held_in_at_least_93_percent(n: int) -> None:
    """Computed, not simulated, at all rates of yes-or-no values."""
    ends = np.array([bounded_mean_interval(np.repeat([1.0, 0.0], [passed, n - passed])) for passed in range(n + 1)])
    rates = np.linspace(0.002, 0.998, 499)[:, np.newaxis]
    held = (ends[:, 0] <= rates) & (ends[:, 1] >= rates)
    assert (held * stats.binom.pmf(np.arange(n + 1), n, rates)).sum(axis=1).min() >= 0.93


@pytest.mark.parametrize("n", [2, 5, 30, 200])
def test_the_interval_of_bounded_values_is_that_of_random_weights(n: int) -> None:
    """By simulation of the definition: quantiles of means with random weights, of the values and one bound."""
    draw = np.random.default_rng(n)
    values = draw.beta(5, 1, n)
    weights = draw.dirichlet(np.append(np.ones(n), 0.75), 40_000)
    low, high = bounded_mean_interval(values)
    assert low == pytest.approx(float(np.quantile(weights @ np.append(values, 0.0), 0.025)), abs=0.006)
    assert high == pytest.approx(float(np.quantile(weights @ np.append(values, 1.0), 0.975)), abs=0.006)


def test_many_scores_have_the_interval_of_student() -> None:
    values = np.random.default_rng(3).beta(2, 2, 20_000)
    expected = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert bounded_mean_interval(values) == pytest.approx([float(end) for end in expected], abs=2e-4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
@settings(max_examples=60, deadline=None)
def test_no_interval_has_width_zero_and_limits_move_with_the_values(values: list[float]) -> None:
    low, high = bounded_mean_interval(np.array(values))
    assert 0 <= low < high <= 1
    moved = bounded_mean_interval(2 * np.array(values) - 1, lowest=-1.0)
    assert moved == pytest.approx((2 * low - 1, 2 * high - 1), abs=1e-6)


def test_the_standard_error_is_that_of_statsmodels_over_the_cases() -> None:
    draw = random.Random(1)
    groups = [[draw.random() for _ in range(draw.randint(1, 4))] for _ in range(15)]
    means = [math.fsum(group) / len(group) for group in groups]
    assert of(groups).error == pytest.approx(float(OLS(means, np.ones(15)).fit().bse[0]))


def test_a_case_counts_once_however_many_its_attempts_are() -> None:
    assert of([[1.0], [0.0, 0.0, 0.0]]).mean == 0.5
    single: Groups = [[1.0]] * 14 + [[0.0]] * 6
    repeated = of([group * 10 for group in single])
    assert (repeated.low, repeated.high) == (of(single).low, of(single).high)
    assert (repeated.n, repeated.cases) == (200, 20)


def test_attempts_that_are_independent_make_the_interval_shorter() -> None:
    draw = np.random.default_rng(8)
    widths = []
    for attempts in (1, 4, 16):
        estimates = [of((draw.random((30, attempts)) < 0.7).astype(float).tolist()) for _ in range(10)]
        widths.append(float(np.mean([one.high - one.low for one in estimates])))
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_one_answer_throughout_has_the_interval_of_the_cases(answer: float) -> None:
    estimated, single = of([[answer] * 4] * 10), of([[answer]] * 10)
    assert (estimated.low, estimated.high, estimated.n) == (single.low, single.high, 40)
    assert estimated.low < estimated.high


@pytest.mark.parametrize("cases", [5, 20])
def test_intervals_of_scores_that_rarely_fail_hold_what_they_promise(cases: int) -> None:
    """97 % of the scores are 1: most samples of a few are all equal."""
    draw = np.random.default_rng(cases)
    samples = np.where(draw.random((1_000, cases)) < 0.97, 1.0, 0.3)
    low, high = intervals(samples)
    assert ((low <= 0.979) & (high >= 0.979)).mean() >= 0.95


@pytest.mark.parametrize("cases", [12, 60])
def test_intervals_of_repeated_verdicts_hold_what_they_promise(cases: int) -> None:
    """Of 400 experiments at three attempts a case, the interval holds the true rate in 95 % or more."""
    draw = np.random.default_rng(cases)
    low, high = intervals(draw.binomial(3, draw.beta(1.4, 0.6, (400, cases))) / 3)
    assert ((low <= 0.7) & (high >= 0.7)).mean() >= 0.94


@given(st.one_of(scores, verdicts), st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_does_not_matter(groups: Groups, shuffler: random.Random) -> None:
    shuffled = [list(group) for group in groups]
    for group in shuffled:
        shuffler.shuffle(group)
    shuffler.shuffle(shuffled)
    assert estimate(shuffled) == estimate(groups)


@given(st.one_of(scores, verdicts))
@settings(max_examples=60, deadline=None)
def test_the_interval_holds_the_mean_and_stays_within_bounds(groups: Groups) -> None:
    estimated = of(groups)
    assert 0 <= estimated.low <= estimated.mean <= estimated.high <= 1


@pytest.mark.parametrize("yes_or_no", [True, False])
def test_more_cases_never_widen_the_interval_in_expectation(*, yes_or_no: bool) -> None:
    draw = np.random.default_rng(7)
    widths = []
    for cases in (4, 8, 9, 10, 12, 30, 90):
        rates = draw.beta(2, 1, (60, cases, 1))
        attempts = draw.random((60, cases, 2))
        values = (attempts < rates).astype(float) if yes_or_no else attempts * rates
        low, high = intervals(values.mean(axis=2))
        widths.append(float(np.mean(high - low)))
    assert widths == sorted(widths, reverse=True)


def test_one_case_has_a_wide_interval_and_nothing_has_no_estimate() -> None:
    estimated = of([[0.3, 0.5]])
    assert estimated.error is None
    assert 0 < estimated.low < 0.02
    assert 0.97 < estimated.high < 1
    assert estimate([]) is None
    assert estimate([[], []]) is None
