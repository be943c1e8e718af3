"""Chances of several attempts, against drawing them."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.analysis.statistics.pass_at_k import flakiness, pass_at_k, pass_hat_k


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


@given(draws())
@settings(max_examples=40, deadline=None)
def test_flakiness_is_the_share_of_pairs_that_disagree(drawn: tuple[int, int, int]) -> None:
    attempts, passed, _ = drawn
    pairs = list(itertools.combinations([True] * passed + [False] * (attempts - passed), 2))
    if pairs:
        assert flakiness(attempts, passed) == pytest.approx(sum(a != b for a, b in pairs) / len(pairs))
