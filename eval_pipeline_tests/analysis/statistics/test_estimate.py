"""Estimates and intervals, against published values, statsmodels, and simulation."""

import math
import random

import numpy as np
import pytest
import statsmodels.api
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from eval_pipeline.analysis.statistics.estimate import Estimate, bootstrap_interval, estimate, wilson

Groups = list[list[float]]

scores = st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=3), min_size=1, max_size=12)
verdicts = st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=3), min_size=1, max_size=12)


def of(groups: Groups) -> Estimate:
    estimated = estimate(groups)
    assert estimated is not None
    return estimated


@pytest.mark.parametrize(
    ("passed", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_one_yes_or_no_a_case_has_the_published_interval_of_wilson(
    passed: int, n: int, low: float, high: float
) -> None:
    estimated = of([[1.0]] * passed + [[0.0]] * (n - passed))
    assert (estimated.mean, estimated.n, estimated.cases) == (passed / n, n, n)
    assert [estimated.low, estimated.high] == pytest.approx([low, high], abs=6e-5)


@given(rate=st.floats(0, 1), n=st.floats(1, 100_000))
def test_wilson_s_interval_is_that_of_statsmodels(rate: float, n: float) -> None:
    expected = proportion_confint(rate * n, n, alpha=0.05, method="wilson")
    assert wilson(rate, n) == pytest.approx(expected, abs=1e-12)


def test_the_standard_error_is_that_of_statsmodels_clustered_by_case() -> None:
    draw = random.Random(1)
    groups = [[draw.random() for _ in range(draw.randint(1, 4))] for _ in range(15)]
    values = [value for group in groups for value in group]
    cases = [number for number, group in enumerate(groups) for _ in group]
    # A case counts once, however many attempts there are at it.
    weights = [1 / len(group) for group in groups for _ in group]
    model = statsmodels.api.WLS(values, np.ones(len(values)), weights=weights)
    fitted = model.fit(cov_type="cluster", cov_kwds={"groups": cases})
    assert of(groups).mean == pytest.approx(float(fitted.params[0]))
    assert of(groups).error == pytest.approx(float(fitted.bse[0]))


def test_repetitions_that_all_agree_count_as_one() -> None:
    """Ten equal answers at a case count as one."""
    single: Groups = [[1.0]] * 14 + [[0.0]] * 6
    repeated = of([group * 10 for group in single])
    assert [repeated.low, repeated.high] == pytest.approx([of(single).low, of(single).high])
    assert (repeated.n, repeated.cases) == (200, 20)


def test_independent_repetitions_count_fully() -> None:
    """Where cases do not differ, every attempt is a draw of its own: Wilson's interval of them all."""
    estimated = of([[1.0, 0.0]] * 50)
    assert [estimated.low, estimated.high] == pytest.approx([0.4038, 0.5962], abs=1e-4)


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_one_answer_throughout_has_the_interval_of_the_cases(answer: float) -> None:
    estimated, single = of([[answer] * 4] * 10), of([[answer]] * 10)
    assert (estimated.low, estimated.high, estimated.n) == (single.low, single.high, 40)
    assert estimated.low < estimated.high


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=9))
@settings(max_examples=40, deadline=None)
def test_few_scores_have_the_textbook_interval_of_student(values: list[float]) -> None:
    estimated = of([[value] for value in values])
    mean, error = math.fsum(values) / len(values), float(stats.sem(values))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * error
    assert estimated.mean == pytest.approx(mean)
    assert estimated.low == pytest.approx(max(0.0, mean - half), abs=1e-9)
    assert estimated.high == pytest.approx(min(1.0, mean + half), abs=1e-9)


def test_the_bootstrap_of_well_behaved_scores_is_student_s_interval() -> None:
    values = np.random.default_rng(3).normal(0.5, 0.1, 40)
    low, high = bootstrap_interval(values, np.ones(40))
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert [low, high] == pytest.approx([float(end) for end in expected], abs=0.004)


def test_the_bootstrap_draws_cases_and_not_attempts() -> None:
    draw = np.random.default_rng(4)
    single = draw.random(30)
    repeated = bootstrap_interval(single * 5, np.full(30, 5.0))
    assert repeated == pytest.approx(bootstrap_interval(single, np.ones(30)), abs=1e-9)


@pytest.mark.parametrize("cases", [12, 60])
def test_intervals_of_repeated_verdicts_hold_what_they_promise(cases: int) -> None:
    """Of 400 experiments at three attempts a case, the interval holds the true rate in about 95 %."""
    draw = np.random.default_rng(cases)
    held = 0
    for _ in range(400):
        rates = draw.beta(1.4, 0.6, cases)
        estimated = of([[float(x) for x in draw.random(3) < rate] for rate in rates])
        held += estimated.low <= 0.7 <= estimated.high
    assert 0.92 <= held / 400 <= 0.985


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
        estimates = []
        for _ in range(60):
            rates = draw.beta(2, 1, (cases, 1))
            values = (draw.random((cases, 2)) < rates).astype(float) if yes_or_no else draw.random((cases, 2)) * rates
            estimates.append(of(values.tolist()))
        widths.append(float(np.mean([one.high - one.low for one in estimates])))
    assert widths == sorted(widths, reverse=True)


def test_one_case_has_no_interval_to_give_and_nothing_has_no_estimate() -> None:
    estimated = of([[0.3, 0.5]])
    assert (estimated.low, estimated.high, estimated.error) == (0.0, 1.0, None)
    assert estimate([]) is None
    assert estimate([[], []]) is None
