"""Assertions on the tools that were called; the order modes against a model that is plainly right."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.assertions.calls import FunctionCallOrder
from eval_pipeline_tests.building import a_call, a_result, a_scope, a_turn, result_of

SCOPE = a_scope(
    a_turn("", a_call("find", city="Bern", filters={"stars": [4, 5], "pool": True}), a_result("find", "{}")),
    a_turn("", a_call("book", hotel=7), index=1),
)


@pytest.mark.parametrize(
    ("assertion", "passed"),
    [
        ({"type": "contains_function_call", "value": "find"}, True),
        ({"type": "contains_function_call", "value": "pay"}, False),
        ({"type": "contains_function_call", "value": "find", "args": {"city": "Bern"}}, True),
        ({"type": "contains_function_call", "value": "find", "args": {"city": "Basel"}}, False),
        ({"type": "contains_function_call", "value": "find", "args": {"filters": {"stars": [4, 5]}}}, True),
        ({"type": "contains_function_call", "value": "find", "args": {"filters": {"stars": [4]}}}, False),
        ({"type": "contains_function_call", "value": "find", "args": {"nights": None}}, False),
        ({"type": "contains_function_call", "value": "book", "args": {"hotel": 7.0}}, True),
        ({"type": "contains_function_call", "value": "find", "args": {"filters": {"pool": 1}}}, False),
        ({"type": "no_function_call"}, False),
        ({"type": "no_function_call", "value": "pay"}, True),
        ({"type": "no_function_call", "value": ["pay", "book"]}, False),
        ({"type": "function_call_order", "value": ["find", "book"]}, True),
        ({"type": "function_call_order", "value": ["book", "find"]}, False),
    ],
)
async def test_calls_of_the_whole_conversation_count(assertion: dict[str, Any], passed: bool) -> None:  # noqa: FBT001
    assert (await result_of(assertion, SCOPE)).passed is passed


async def test_on_a_turn_only_its_own_calls_count() -> None:
    scope = a_scope(*SCOPE.turns, turn=1)
    assert (await result_of({"type": "function_call_order", "value": ["book"]}, scope)).passed
    assert not (await result_of({"type": "contains_function_call", "value": "find"}, scope)).passed


async def test_without_calls_only_their_absence_passes() -> None:
    scope = a_scope(a_turn("hello"))
    assert (await result_of({"type": "no_function_call"}, scope)).passed
    assert (await result_of({"type": "function_call_order", "value": []}, scope)).passed
    result = await result_of({"type": "contains_function_call", "value": "find"}, scope)
    assert result.message == "find was not called; called: none"


def _within(small: list[str], large: list[str]) -> bool:
    """Whether every element of `small` can be taken out of `large`, each once."""
    left = list(large)
    for item in small:
        if item not in left:
            return False
        left.remove(item)
    return True


calls = st.lists(st.sampled_from("abc"), max_size=5)


@given(calls_made=calls, expected=calls)
@settings(max_examples=150, deadline=None)
def test_the_order_modes_are_those_of_multisets(calls_made: list[str], expected: list[str]) -> None:
    scope = a_scope(a_turn("", *[a_call(name) for name in calls_made]))

    def passes(mode: Any) -> bool | None:
        assertion = FunctionCallOrder(type="function_call_order", value=tuple(expected), mode=mode)
        return assertion.check(scope).passed

    assert passes("strict") == (calls_made == expected)
    assert passes("unordered") == (sorted(calls_made) == sorted(expected))
    assert passes("subset") == _within(calls_made, expected)
    assert passes("superset") == _within(expected, calls_made)


@pytest.mark.parametrize(("agent", "passed"), [("billing", True), ("triage", False)])
async def test_a_handoff_counts_for_the_agent_that_took_over(agent: str, *, passed: bool) -> None:
    event = {"type": "handoff", "from": "triage", "to": "billing"}
    result = await result_of({"type": "handoff_to", "value": agent}, a_scope(a_turn("x", event)))
    assert result.passed is passed
    assert "handed to: billing" in result.message
