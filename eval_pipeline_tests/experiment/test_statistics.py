"""Formulas, against enumeration, textbook values and each other."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from eval_pipeline.experiment.statistics import estimate, pass_at_k, pass_hat_k


@st.composite
def draws(draw: st.DrawFn) -> tuple[int, int, int]:
    attempts = draw(st.integers(1, 7))
    return attempts, draw(st.integers(0, attempts)), draw(st.integers(1, attempts))


@given(draws())
@settings(max_examples=60, deadline=None)
def test_the_chances_are_those_of_drawing_k_attempts(drawn: tuple[int, int, int]) -> None:
    attempts, passed, k = drawn
    samples = list(itertools.combinations([True] * passed + [False] * (attempts - passed), k))
    assert pass_at_k(attempts, passed, k) == pytest.approx(sum(map(any, samples)) / len(samples))
    assert pass_hat_k(attempts, passed, k) == pytest.approx(sum(map(all, samples)) / len(samples))


@pytest.mark.parametrize(
    ("passed", "n", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (50, 100, 0.4038, 0.5962)],
)
def test_one_yes_or_no_a_case_has_the_interval_of_wilson(passed: int, n: int, low: float, high: float) -> None:
    found = estimate([[1.0]] * passed + [[0.0]] * (n - passed))
    assert found is not None
    assert (found.mean, found.n) == (passed / n, n)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=20))
@settings(max_examples=40, deadline=None)
def test_one_score_a_case_has_the_textbook_interval_of_student(values: list[float]) -> None:
    found = estimate([[value] for value in values])
    assert found is not None
    mean = math.fsum(values) / len(values)
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * error
    assert found.mean == pytest.approx(mean)
    assert found.low == pytest.approx(max(0.0, mean - half), abs=1e-9)
    assert found.high == pytest.approx(min(1.0, mean + half), abs=1e-9)


def test_attempts_at_one_case_do_not_count_as_cases() -> None:
    """Ten times the same answer says no more than once: the interval is that of the cases' means."""
    repeated = estimate([[0.2] * 10, [0.4] * 10, [0.9] * 10])
    single = estimate([[0.2], [0.4], [0.9]])
    assert repeated is not None
    assert single is not None
    assert [repeated.low, repeated.high] == pytest.approx([single.low, single.high])
    assert (repeated.n, single.n) == (30, 3)


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_one_answer_throughout_has_the_interval_of_the_cases(answer: float) -> None:
    found, single = estimate([[answer] * 4] * 10), estimate([[answer]] * 10)
    assert found is not None
    assert single is not None
    assert (found.low, found.high, found.n) == (single.low, single.high, 40)
    assert found.low < found.high


def test_one_case_has_no_interval_to_give() -> None:
    found = estimate([[0.2, 0.4]])
    assert found is not None
    assert [found.mean, found.low, found.high] == pytest.approx([0.3, 0.0, 1.0])


@pytest.mark.parametrize("values", [[], [[]], [[], []]])
def test_nothing_has_no_estimate(values: list[list[float]]) -> None:
    assert estimate(values) is None


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=4), max_size=8))
@settings(max_examples=80, deadline=None)
def test_an_interval_holds_its_mean_and_stays_in_the_range(groups: list[list[float]]) -> None:
    found = estimate(groups)
    values = [value for group in groups for value in group]
    assert (found is None) == (not values)
    if found is not None:
        assert 0.0 <= found.low <= found.mean + 1e-9
        assert found.mean - 1e-9 <= found.high <= 1.0
        assert found.n == len(values)
