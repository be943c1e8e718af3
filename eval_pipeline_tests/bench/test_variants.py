"""The simulation of successive halving: few comparisons, to see that it measures."""

import pytest

from bench.variants import SETTINGS, measure


@pytest.mark.slow
def test_halving_saves_attempts_and_keeps_the_best_where_the_usual_one_may_lose_it() -> None:
    measured = measure(5)

    ours, usual = measured["ours"], measured["peers"]["halves"]
    assert sum(ours[name]["wrong"] for name in SETTINGS) == 0
    assert ours["sixteen, spread"]["saved"] > 0.4
    assert ours["sixteen, spread"]["wins"] == 1
    assert usual["eight, close"]["saved"] > ours["eight, close"]["saved"]
    assert usual["eight, close"]["wrong"] > 0
