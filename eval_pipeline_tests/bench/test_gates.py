"""The simulation of the gate on regressions: few pairs, to see that it measures."""

import pytest

from bench.gates import measure


def test_the_gate_sees_a_drop_and_is_mostly_silent_without_one() -> None:
    found = measure(20)

    assert found["ours"]["power"] >= 0.8
    assert found["ours"]["false_alarm_rate"] <= 0.2
    assert found["peers"]["any_drop"]["false_alarm_rate"] > found["ours"]["false_alarm_rate"]
    assert found["ratios"]["any_drop"] == pytest.approx(found["ours"]["power"] / found["peers"]["any_drop"]["power"])
