"""Assertions on time, tokens, money and turns, on a turn and on the conversation."""

from dataclasses import replace
from typing import Any

import pytest

from eval_pipeline.results.case_result import TurnResult
from eval_pipeline_tests.building import a_scope, a_turn, result_of


def a_metered(index: int, *, latency_s: float, cost_usd: float | None = None, tokens: int = 10) -> TurnResult:
    usage = {"type": "usage", "input_tokens": tokens, "output_tokens": 1, "cost_usd": cost_usd, "model": "m-1"}
    return replace(a_turn("x", usage, index=index), latency_s=latency_s)


TURNS = (a_metered(0, latency_s=2.0, cost_usd=0.5), a_metered(1, latency_s=1.0, cost_usd=0.25))


@pytest.mark.parametrize(
    ("kind", "of_turn", "of_all"), [("max_latency", 1, 3), ("max_tokens", 11, 22), ("max_cost", 0.25, 0.75)]
)
async def test_a_limit_holds_for_the_turn_or_for_all(kind: str, of_turn: float, of_all: float) -> None:
    for turn, value in ((1, of_turn), (None, of_all)):
        scope = a_scope(*TURNS, turn=turn)
        assert (await result_of({"type": kind, "value": value}, scope)).passed is True
        below = value - 1 if kind == "max_tokens" else value * 0.99
        assert (await result_of({"type": kind, "value": below}, scope)).passed is False


async def test_turns_are_counted_up_to_where_the_assertion_stands() -> None:
    assert (await result_of({"type": "max_turns", "value": 1}, a_scope(TURNS[0], turn=0))).passed is True
    assert (await result_of({"type": "max_turns", "value": 1}, a_scope(*TURNS))).passed is False


@pytest.mark.parametrize(
    ("kind", "turns", "message"),
    [
        ("max_tokens", (a_turn("x"),), "reported no usage"),
        ("max_cost", (a_turn("x"),), "reported no usage"),
        ("max_cost", (TURNS[0], a_metered(1, latency_s=1)), "the cost of m-1 is unknown"),
    ],
)
async def test_what_is_not_known_is_neither_passed_nor_failed(kind: str, turns: Any, message: str) -> None:
    result = await result_of({"type": kind, "value": 1000}, a_scope(*turns))
    assert (result.passed, result.score) == (None, None)
    assert message in result.message
