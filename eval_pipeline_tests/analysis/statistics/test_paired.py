"""Paired differences, against published worked examples, statsmodels, and simulation."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from eval_pipeline.analysis.statistics.paired import (
    holm,
    paired_difference,
    permutation_interval,
    sign_flip_p_values,
)

DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
"""Crossed minus self-fertilised maize, in eighths of an inch: Fisher 1935, The Design of Experiments, section 21."""

rates = st.lists(st.tuples(st.sampled_from([0.0, 1 / 3, 2 / 3, 1.0]), st.sampled_from([0.0, 1 / 3, 2 / 3, 1.0])))


def test_the_permutation_test_gives_fisher_s_number_for_darwin_s_maize() -> None:
    drop, rise = sign_flip_p_values(np.array(DARWIN, dtype=float))
    assert rise == pytest.approx(863 / 32_768)
    sums = [sum(d if bits >> i & 1 else -d for i, d in enumerate(DARWIN)) for bits in range(2**15)]
    assert drop == pytest.approx(sum(total <= sum(DARWIN) for total in sums) / 2**15)
    scores = np.array(DARWIN) * math.pi
    assert sign_flip_p_values(scores) == pytest.approx((drop, rise))


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_one_verdict_a_case_has_the_p_value_of_mcnemar_s_exact_test(fell: int, rose: int, same: int) -> None:
    then, now = [1.0] * fell + [0.0] * rose + [1.0] * same, [0.0] * fell + [1.0] * rose + [1.0] * same
    difference = paired_difference(then, now)
    if difference is None:
        assert not then
        return
    expected = mcnemar([[same, fell], [rose, 0]], exact=True).pvalue if fell + rose else 1.0
    assert difference.p_value == pytest.approx(float(expected))


def test_mcnemar_s_exact_test_of_a_published_table() -> None:
    """Agresti 2002, Categorical Data Analysis, 10.1: 86 and 150 changed their minds; the exact p-value is 3.7e-05."""
    difference = paired_difference([1.0] * 150 + [0.0] * 86, [0.0] * 150 + [1.0] * 86)
    assert difference is not None
    assert difference.p_value == pytest.approx(3.7e-5, abs=1e-6)


def test_drawn_permutations_give_nearly_the_exact_p_value() -> None:
    draw = np.random.default_rng(2)
    differences = np.append(np.array(DARWIN, dtype=float), [0.5, -0.5]) * math.pi
    every = np.array([[1 if (number >> bit) & 1 else -1 for bit in range(17)] for number in range(2**17)])
    exact = float(np.mean((every * differences).sum(axis=1) >= differences.sum()))
    _, rise = sign_flip_p_values(draw.permutation(differences))
    assert rise == pytest.approx(exact, abs=0.005)


@given(st.lists(st.floats(0, 1), max_size=20))
@settings(max_examples=40, deadline=None)
def test_an_experiment_against_itself_shows_no_difference(values: list[float]) -> None:
    difference = paired_difference(values, values)
    if difference is None:
        assert not values
        return
    assert (difference.difference, difference.p_value, difference.p_drop, difference.p_rise) == (0.0, 1.0, 1.0, 1.0)
    assert difference.low is not None
    assert difference.high is not None
    assert -1 <= difference.low < 0 < difference.high <= 1


@given(rates.filter(bool), st.randoms())
@settings(max_examples=25, deadline=None)
def test_the_order_of_cases_does_not_matter(pairs: list[tuple[float, float]], shuffler: random.Random) -> None:
    shuffled = list(pairs)
    shuffler.shuffle(shuffled)
    one, other = (paired_difference([then for then, _ in some], [now for _, now in some]) for some in (pairs, shuffled))
    assert one == other


@given(rates.filter(bool))
@settings(max_examples=25, deadline=None)
def test_now_and_then_exchanged_mirror_the_difference(pairs: list[tuple[float, float]]) -> None:
    then, now = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    there, back = paired_difference(then, now), paired_difference(now, then)
    assert there is not None
    assert back is not None
    assert there.difference == pytest.approx(-back.difference)
    assert [there.p_drop, there.p_rise] == pytest.approx([back.p_rise, back.p_drop], abs=0.02)


@pytest.mark.parametrize("size", [0.5, 0.123456789])
def test_one_case_that_differs_is_a_coin_toss(size: float) -> None:
    assert sign_flip_p_values(np.array([0.0, -size])) == pytest.approx((0.5, 1.0))
    assert sign_flip_p_values(np.array([size])) == pytest.approx((1.0, 0.5))


def test_thousands_that_differ_are_tested_by_student() -> None:
    draw = np.random.default_rng(5)
    differences = draw.normal(size=4_000)
    differences += -0.03 - differences.mean()
    drop, rise = sign_flip_p_values(differences)
    assert drop == pytest.approx(float(stats.norm.cdf(-0.03 / stats.sem(differences))), abs=1e-3)
    assert drop + rise == pytest.approx(1)


def test_the_interval_of_a_difference_holds_it_in_most_experiments() -> None:
    draw = np.random.default_rng(6)
    held = 0
    for _ in range(200):
        ability = draw.beta(2, 1, 60)
        then, now = draw.binomial(3, ability) / 3, draw.binomial(3, ability * 0.9) / 3
        difference = paired_difference(then.tolist(), now.tolist())
        assert difference is not None
        assert difference.low is not None
        assert difference.high is not None
        held += difference.low <= -(2 / 3) * 0.1 <= difference.high
    assert 0.9 <= held / 200 <= 0.99


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    # R 4.3, p.adjust(p, "holm").
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),
        ([0.5], [0.5]),
        ([], []),
    ],
)
def test_several_p_values_are_adjusted_as_r_does(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


def test_two_cases_that_fell_do_not_show_a_drop() -> None:
    difference = paired_difference([1.0, 1.0], [0.0, 0.0])
    assert difference is not None
    assert difference.high is not None
    assert difference.p_value == pytest.approx(0.5)
    assert difference.high > 0


rounded = st.floats(0, 1).map(lambda value: round(value, 2))


@given(st.one_of(rates.filter(bool), st.lists(st.tuples(rounded, rounded), min_size=1, max_size=40)))
@settings(max_examples=150, deadline=None)
def test_an_interval_excludes_zero_if_and_only_if_its_test_does(pairs: list[tuple[float, float]]) -> None:
    difference = paired_difference([then for then, _ in pairs], [now for _, now in pairs])
    assert difference is not None
    assert difference.low is not None
    assert difference.high is not None
    assert (difference.low > 0 or difference.high < 0) == (difference.p_value < 0.05)
    assert difference.low < difference.high
    assert difference.low <= difference.difference + 1e-9
    assert difference.high >= difference.difference - 1e-9


def test_the_interval_of_a_test_that_rejects_is_that_of_the_test() -> None:
    """Every case fell by a tenth: a rare rise to 1 cannot be ruled out by 20 cases, but the drop is no chance."""
    difference = paired_difference([0.9] * 20, [0.8] * 20)
    assert difference is not None
    assert difference.high == pytest.approx(-0.1)
    assert difference.low is not None
    assert difference.low < -0.2


def test_an_unlimited_difference_of_few_cases_has_no_interval() -> None:
    then, now = [1.0, 2.0, 4.0] * 3, [1.5, 2.25, 8.0] * 3
    few = paired_difference(then, now, most=None)
    assert few is not None
    assert (few.low, few.high) == (None, None)
    enough = paired_difference([*then, 1.0], [*now, 1.125], most=None)
    assert enough is not None
    assert enough.low is not None
    assert enough.low > 0


def test_the_interval_of_the_permutation_test_is_nearly_student_s_for_a_normal_number() -> None:
    values = np.random.default_rng(3).normal(0.5, 1, 60)
    expected = stats.t.interval(0.95, 59, values.mean(), stats.sem(values))
    assert permutation_interval(values) == pytest.approx([float(end) for end in expected], abs=0.05)
