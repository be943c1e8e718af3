"""The simulation of the gate on regressions: few pairs, to see that it measures."""

import pytest

from bench.gates import example_gates, measure


def test_the_gate_sees_a_drop_and_is_mostly_silent_without_one() -> None:
    measured = measure(20)

    assert measured["ours"]["power"] >= 0.8
    assert measured["ours"]["false_alarm_rate"] <= 0.2
    assert measured["peers"]["any_drop"]["false_alarm_rate"] > measured["ours"]["false_alarm_rate"]
    assert measured["ratios"]["any_drop"] == pytest.approx(
        measured["ours"]["power"] / measured["peers"]["any_drop"]["power"]
    )


def test_the_example_in_the_docs_has_regression_gates_that_share_a_level() -> None:
    gates = example_gates()
    assert len(gates.max_regression) == 4
    assert {gate.test for gate in gates.max_regression} == {"significant"}
    assert gates.level == 0.05
