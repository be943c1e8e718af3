"""Measures of agreement against published worked examples, and what holds of their intervals."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from eval_pipeline.analysis.statistics.agreement import accuracy, kappa, kendall, spearman


def pairs_of(table: list[list[int]]) -> list[list[tuple[Any, Any]]]:
    """One pair a case, from a table of counts."""
    return [
        [(row, column)]
        for row, column in itertools.product(range(len(table)), range(len(table)))
        for _ in range(table[row][column])
    ]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        # Cohen 1960 by way of Wikipedia, "Cohen's kappa", the example of fifty grants: 0.7 observed, 0.5 by chance.
        ([[20, 5], [10, 15]], 0.4),
        # Fleiss, Levin & Paik 2003, table 18.1: diagnoses of a hundred people, 0.89 observed, 0.66 by chance.
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 23 / 34),
        # The same marginals by chance alone.
        ([[25, 25], [25, 25]], 0.0),
        ([[0, 10], [10, 0]], -1.0),
    ],
)
def test_kappa_is_that_of_the_textbooks(table: list[list[int]], expected: float) -> None:
    measured = kappa(pairs_of(table))
    assert measured is not None
    assert measured.value == pytest.approx(expected)


@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=3, max_size=3))
@settings(max_examples=50)
def test_kappa_is_that_of_statsmodels(table: list[list[int]]) -> None:
    measured = kappa(pairs_of(table))
    if measured is not None:
        assert measured.value == pytest.approx(float(cohens_kappa(np.array(table), return_results=False)))


def test_kappas_interval_is_near_the_analytic_one() -> None:
    table = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
    measured = kappa(pairs_of(table))
    analytic = cohens_kappa(np.array(table))  # Fleiss, Cohen & Everitt 1969
    assert measured is not None
    assert measured.low == pytest.approx(float(analytic.kappa_low), abs=0.04)
    assert measured.high == pytest.approx(float(analytic.kappa_upp), abs=0.04)


def test_spearman_is_that_of_the_textbook() -> None:
    # Wikipedia, "Spearman's rank correlation coefficient": IQ and hours of television, -29/165.
    iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    measured = spearman([[pair] for pair in zip(iq, hours, strict=True)])
    assert measured is not None
    assert measured.value == pytest.approx(-29 / 165)
    assert measured.low is not None
    assert measured.low < -29 / 165 < (measured.high or 0)


@pytest.mark.parametrize("measure", [spearman, kendall])
def test_correlations_of_many_labels_have_intervals_of_the_right_width(measure: Any) -> None:
    draws = np.random.default_rng(5)
    first = draws.normal(size=6_000)
    second = first + draws.normal(size=6_000)
    measured = measure([[pair] for pair in zip(first.tolist(), second.tolist(), strict=True)])
    assert measured is not None
    # Bivariate normal with rho = 1/sqrt(2): tau = 2/pi * asin(rho) = 1/2, rho_s = 6/pi * asin(rho/2) (Kruskal 1958).
    true = {"spearman": 6 / np.pi * np.arcsin(0.5**0.5 / 2), "kendall": 0.5}[measure.__name__]
    assert measured.low < true < measured.high
    # Standard errors: tau by Noether's bound is below 0.0091 here, rho_s near (1 - rho_s^2) * 1.06 / sqrt(n) = 0.0072.
    assert 0.018 < measured.high - measured.low < 0.036


def test_kendall_is_that_of_the_textbook() -> None:
    # Abdi 2007, "The Kendall Rank Correlation Coefficient": orders acbd and acdb, one pair apart, 1 - 2 * 2 / 12.
    measured = kendall([[pair] for pair in [(1, 1), (3, 4), (2, 2), (4, 3)]])
    assert measured is not None
    assert measured.value == pytest.approx(2 / 3)
    # Agresti 2010, tau-b with ties, by its definition: C = 4, D = 1 of ten pairs, ties in both.
    tied = kendall([[pair] for pair in [(12, 1), (2, 4), (1, 7), (12, 1), (2, 0)]])
    assert tied is not None
    assert tied.value == pytest.approx((2 - 6) / (8 * 9) ** 0.5)


def test_attempts_at_one_case_are_not_counted_as_independent() -> None:
    draws = np.random.default_rng(1)
    first = draws.integers(0, 2, size=20)
    second = np.where(draws.random(20) < 0.8, first, 1 - first)
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    one, six = kappa([[pair] for pair in pairs * 6]), kappa([[pair] * 6 for pair in pairs])
    assert one is not None
    assert six is not None
    assert one.value == pytest.approx(six.value)
    assert one.low is not None
    assert six.low is not None
    assert (six.high or 0) - six.low > 1.5 * ((one.high or 0) - one.low)


def test_perfect_agreement_of_a_few_is_not_certain() -> None:
    few = kappa([[(value, value)] for value in [True, False] * 5])
    many = kappa([[(value, value)] for value in [True, False] * 500])
    assert few is not None
    assert many is not None
    assert (few.value, few.high) == (1.0, 1.0)
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.6
    assert 0.98 < many.low < 1


def test_what_cannot_be_estimated_is_none() -> None:
    same: list[list[tuple[Any, Any]]] = [[(True, True)]] * 5
    assert kappa(same) is None
    assert spearman(same) is None
    assert kendall([]) is None
    assert accuracy([]) is None
    alike = spearman([[(value, value)] for value in [True, True, False] * 33])
    assert alike is not None
    assert (alike.value, alike.low, alike.high) == (1.0, None, None)
    alone = kappa([[(True, True), (False, False)]])
    assert alone is not None
    assert alone.value == 1.0


@pytest.mark.slow
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=3), min_size=2, max_size=12)
)
@settings(max_examples=15, deadline=None)
def test_measures_are_symmetric_and_do_not_depend_on_names(groups: list[list[tuple[int, int]]]) -> None:
    swapped = [[(other, one) for one, other in group] for group in groups]
    renamed = [[("abc"[one], "abc"[other]) for one, other in group] for group in groups]
    for measure in (accuracy, kappa):
        measures = [measure(version) for version in (groups, swapped, renamed)]
        values = [None if one is None else pytest.approx(one.value) for one in measures]
        assert values[0] == values[1] == values[2] or all(value is None for value in values)
        if measures[0] is not None and measures[0].low is not None and measures[0].high is not None:
            assert measures[0].low <= measures[0].high
