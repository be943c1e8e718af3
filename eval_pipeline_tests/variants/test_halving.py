"""Successive halving: when it looks, whom it drops, and how seldom that is the best."""

from collections.abc import Mapping

import numpy as np
import pytest

from bench.variants import halved, simulated_values
from eval_pipeline.variants.halving import FIRST_LOOK, drops, in_hash_order, looks_at


def test_looks_double_until_all_cases_are_seen() -> None:
    assert looks_at(100) == [16, 32, 64]
    assert looks_at(64) == [16, 32]
    assert looks_at(FIRST_LOOK) == []
    assert looks_at(3) == []


def test_the_order_of_cases_is_the_same_whatever_the_order_they_come_in_and_not_that_of_their_names() -> None:
    names = [f"c{number:03}" for number in range(200)]
    ordered = in_hash_order(names)
    assert ordered == in_hash_order(reversed(names))
    assert sorted(ordered) == names
    half = sum(name < "c100" for name in ordered[:100])
    assert 35 <= half <= 65


def _values(**passed: int) -> Mapping[str, Mapping[str, float]]:
    """Variants that pass the first so many of 32 cases."""
    return {name: {f"c{case:02}": float(case < count) for case in range(32)} for name, count in passed.items()}


def test_a_variant_that_is_clearly_worse_is_dropped_and_one_that_may_be_as_good_is_not() -> None:
    dropped = drops(_values(current=16, good=26, close=22, bad=4), looks=3, variants=4)
    assert [(drop.variant, drop.leader, drop.score, drop.leaders_score) for drop in dropped] == [
        ("bad", "good", 0.125, 0.8125)
    ]
    assert dropped[0].p_value < 0.05 / 9


def test_current_is_never_dropped() -> None:
    assert drops(_values(current=0, good=32), looks=1, variants=2) == []


def test_more_looks_and_more_variants_make_it_harder_to_be_dropped() -> None:
    values = _values(current=24, worse=15)
    assert [drop.variant for drop in drops(values, looks=1, variants=2)] == ["worse"]
    assert drops(values, looks=4, variants=16) == []


def test_without_a_value_none_is_dropped() -> None:
    assert drops({"current": {}, "a": {}}, looks=1, variants=2) == []


def test_the_best_of_sixteen_variants_is_seldom_dropped_and_half_of_the_attempts_are_saved() -> None:
    draw = np.random.default_rng(20_261)
    rates = [0.5, *np.linspace(0.2, 0.6, 14), 0.7]
    outcomes = [halved(simulated_values(draw, rates, cases=400)) for _ in range(40)]
    assert sum("v15" in dropped for dropped, _ in outcomes) == 0
    assert np.mean([saved for _, saved in outcomes]) > 0.4


@pytest.mark.parametrize("seed", [1, 2])
def test_where_all_are_the_same_hardly_anybody_is_dropped(seed: int) -> None:
    draw = np.random.default_rng(seed)
    outcomes = [halved(simulated_values(draw, [0.6] * 8, cases=200)) for _ in range(25)]
    # Each of seven rivals may be dropped in favour of an equal, together with a chance of 0.05 for the best of them.
    assert sum(len(dropped) for dropped, _ in outcomes) <= 10
