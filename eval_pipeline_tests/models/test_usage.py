"""What model calls used: sums, roles and models, each call counted once."""

from collections.abc import Iterator
from functools import reduce
from operator import add
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from typing_extensions import override

from eval_pipeline.models.budget import Budget
from eval_pipeline.models.prices import price_table
from eval_pipeline.models.usage import UsageHandler, counted_usage, counting_attempt, in_role
from eval_pipeline.results.usage import AttemptUsage, TokenUsage
from eval_pipeline.telemetry.event import unreadable

COST = 10 * 2.5e-6 + 2 * 10e-6
calls = st.builds(
    TokenUsage, calls=st.just(1), input=st.integers(0, 9), cost_usd=st.none() | st.integers(0, 9).map(float)
)


def a_model(*, name: str = "gpt-4o", **metadata: Any) -> GenericFakeChatModel:
    usage: Any = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12, **metadata}
    answer = AIMessage("hello", usage_metadata=usage, response_metadata={"model_name": name})
    return GenericFakeChatModel(messages=iter([answer] * 9))


@given(st.lists(calls))
def test_the_cost_of_calls_is_their_sum_or_unknown_if_that_of_one_is(several: list[TokenUsage]) -> None:
    total = reduce(add, several, TokenUsage())
    costs = [each.cost_usd for each in several]
    known = [cost for cost in costs if cost is not None]
    assert (total.calls, total.input) == (len(several), sum(each.input for each in several))
    assert total.cost_usd == (sum(known) if known and None not in costs else None)


def test_calls_count_for_the_role_of_their_caller_and_once_for_the_block_they_are_made_in() -> None:
    budget = Budget()
    with counting_attempt(UsageHandler(price_table(), budget)) as attempt:
        a_model().invoke("hi")
        with counted_usage() as block, in_role("judge"):
            a_model(name="gpt-4o-mini").invoke("hi")
    used = attempt.of_attempt([])
    assert (used.target.calls, used.judge.calls, used.user) == (1, 1, TokenUsage())
    assert used.target == TokenUsage(calls=1, input=10, output=2, cost_usd=used.target.cost_usd)
    assert round(used.target.cost_usd or 0, 9) == round(COST, 9)
    assert block.by_model == ({"model": "gpt-4o-mini", "input_tokens": 10, "output_tokens": 2, "cached_tokens": 0},)
    assert (budget.tokens, budget.unpriced) == (24, set())


def test_an_answer_from_the_cache_uses_nothing() -> None:
    with counting_attempt(UsageHandler(price_table())) as attempt, counted_usage() as block:
        a_model(total_cost=0).invoke("hi")
    assert attempt.of_attempt([]) == AttemptUsage(target=TokenUsage(cached_calls=1))
    assert (block.total, block.by_model) == (TokenUsage(cached_calls=1), ())


def test_a_model_without_a_price_or_without_usage_has_an_unknown_cost() -> None:
    silent = GenericFakeChatModel(messages=iter([AIMessage("hello")]))
    budget = Budget()
    with counting_attempt(UsageHandler(price_table(), budget)) as attempt:
        a_model().invoke("hi")
        a_model(name="own").invoke("hi")
        silent.invoke("hi")
    used = attempt.of_attempt([]).target
    assert (used.calls, used.input, used.cost_usd) == (3, 20, None)
    assert "own" in budget.unpriced


def test_usage_that_a_target_reports_is_counted_unless_its_call_was_seen() -> None:
    reported = {"type": "usage", "input_tokens": 5, "output_tokens": 1, "model": "gpt-4o"}
    with counting_attempt(UsageHandler(price_table())) as attempt:
        pass
    assert attempt.of_attempt([reported]).target.total == 6
    with counting_attempt(UsageHandler(price_table())) as attempt:
        message = a_model().invoke("hi")
    events = [reported, {**reported, "id": message.id}, {**reported, "id": "another"}]
    assert attempt.of_attempt(events).target.total == 12 + 6


def test_a_turn_has_a_usage_event_for_each_call_of_the_target() -> None:
    with counting_attempt(UsageHandler(price_table())) as attempt:
        a_model().invoke("hi")
        with in_role("judge"):
            a_model().invoke("hi")
        events = attempt.turn_events([{"type": "message", "content": "hello"}])
    assert [event["type"] for event in events] == ["message", "usage"]
    assert (events[1]["input_tokens"], events[1]["output_tokens"], events[1]["model"]) == (10, 2, "gpt-4o")
    assert round(events[1]["cost_usd"], 9) == round(COST, 9)
    assert attempt.of_attempt(events).target.total == 12
    assert attempt.turn_events([]) == ()


def test_reported_events_and_calls_are_counted_once_in_the_events_of_a_turn() -> None:
    reported = {"type": "usage", "input_tokens": 5, "output_tokens": 1, "model": "gpt-4o"}
    with counting_attempt(UsageHandler(price_table())) as attempt:
        message = a_model().invoke("hi")
        events = attempt.turn_events([{**reported, "id": message.id}, reported, {**reported, "id": "another"}])
    assert [event.get("counted", True) for event in events] == [True, False, True]
    assert [event["input_tokens"] for event in events] == [10, 5, 5]
    assert attempt.of_attempt(events).target.total == 12 + 6


def test_usage_that_repeats_what_came_before_counts_once() -> None:
    parts = [{"type": "usage", "id": "m", "input_tokens": 100, "output_tokens": number} for number in (1, 5, 9)]
    attempt = UsageHandler()
    events = attempt.turn_events(parts)
    assert [event.get("counted", True) for event in events] == [False, False, True]
    assert attempt.of_attempt(events).target.total == 109


class CumulativeModel(GenericFakeChatModel):
    """Streams chunks whose usage is that of all of the answer so far."""

    usage: list[tuple[int, int]]

    @override
    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for asked, returned in self.usage:
            used = UsageMetadata(input_tokens=asked, output_tokens=returned, total_tokens=asked + returned)
            yield ChatGenerationChunk(message=AIMessageChunk(content="x", usage_metadata=used))


@pytest.mark.parametrize(
    ("usage", "total"),
    [
        ([(100, 1), (100, 2), (100, 3)], 103),
        ([(100, 0), (0, 3)], 103),
        ([(0, 2), (0, 1), (100, 0)], 103),
        ([(9, 9)], 18),
    ],
)
def test_usage_that_grows_from_chunk_to_chunk_counts_once(usage: list[tuple[int, int]], total: int) -> None:
    with counting_attempt(UsageHandler()) as attempt:
        list(CumulativeModel(messages=iter([]), usage=usage).stream("hi"))
    assert attempt.of_attempt([]).target.total == total


def test_negative_counts_are_refused() -> None:
    budget = Budget()
    with counting_attempt(UsageHandler(budget=budget)) as attempt:
        a_model(output_tokens=-5).invoke("hi")
        attempt.turn_events([{"type": "usage", "id": "x", "input_tokens": -1, "output_tokens": 3}])
    assert [problem.message for problem in attempt.problems] == [
        "gpt-4o reported negative counts of tokens: output -5",
        "a model without a name reported negative counts of tokens: input -1",
    ]
    assert (attempt.total.total, budget.tokens) == (0, 0)
    assert "lacks a usable input_tokens" in (unreadable({"type": "usage", "input_tokens": -1}) or "")
