"""The simulation of the gate on regressions: few pairs, to see that it measures."""

import pytest

from bench.gates import measure


def test_the_gate_sees_a_drop_and_is_mostly_silent_without_one() -> None:
    measured = measure(20)

    assert measured["ours"]["power"] >= 0.8
    assert measured["ours"]["false_alarm_rate"] <= 0.2
    assert measured["peers"]["any_drop"]["false_alarm_rate"] > measured["ours"]["false_alarm_rate"]
    assert measured["ratios"]["any_drop"] == pytest.approx(
        measured["ours"]["power"] / measured["peers"]["any_drop"]["power"]
    )
