"""The LangGraph entrypoints that take cases as dicts, as seed 003's own code calls them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from eval_pipeline import workflows
from eval_pipeline.errors import InputError
from eval_pipeline.workflows import TestResult, thread_config, use

# LangGraph types what an entrypoint returns as a dict.
test_workflow: Any = workflows.test_workflow
eval_workflow: Any = workflows.eval_workflow
batch_workflow: Any = workflows.batch_workflow
simulation_workflow: Any = workflows.simulation_workflow


CASE = {
    "name": "booking test",
    "turns": [
        {
            "user_input": "Book a table",
            "assertions": [
                {"type": "contains", "value": "booked"},
                {"type": "contains_function_call", "value": "book_table"},
            ],
        }
    ],
    "_runtime_model": "gpt-4o-mini",
    "_runtime_tenant": "blue",
    "_default_test_data": {"user_name": "Sam"},
}


def books(message: str, runtime: dict[str, Any]) -> dict[str, Any]:
    if message == "fail":
        raise RuntimeError("the kettle exploded")
    given = f"{runtime['model']}, {runtime['tenant']}, {runtime['test_data']['user_name']}"
    return {"response": f"Booked! ({given})", "events": [{"type": "tool_call", "name": "book_table", "args": {}}]}


@pytest.fixture(autouse=True)
def _chosen() -> Iterator[None]:
    use(target=books)
    yield
    workflows._runner = None


async def test_invoked_it_returns_the_result() -> None:
    result = await test_workflow.ainvoke(CASE, config=thread_config())
    assert (result.test_name, result.status, result.error, result.score) == ("booking test", "passed", None, 1.0)
    (turn,) = result.turns
    assert turn["user_input"] == "Book a table"
    assert turn["response"] == "Booked! (gpt-4o-mini, blue, Sam)"
    assert [event["name"] for event in turn["events"]] == ["book_table"]
    assert [each["passed"] for each in turn["assertions"]] == [True, True]
    assert result.duration_ms >= 0


async def test_streamed_it_yields_events_and_at_last_the_result() -> None:
    seen: list[tuple[str, str]] = []
    updates: list[Any] = []
    async for mode, chunk in test_workflow.astream(CASE, stream_mode=["custom", "updates"], config=thread_config()):
        if mode == "custom":
            event = chunk
            if event["event"] == "agent_response":
                seen.append(("Agent", event["content"]))
            elif event["event"] == "assertion_result":
                seen.append(("✓" if event["passed"] else "✗", f"{event['type']}: {event['value']}"))
        else:
            updates.append(chunk)
    assert seen == [
        ("Agent", "Booked! (gpt-4o-mini, blue, Sam)"),
        ("✓", "icontains: booked"),
        ("✓", "contains_function_call: book_table"),
    ]
    (final,) = updates
    (result,) = final.values()
    assert isinstance(result, TestResult)
    assert result.status == "passed"


def test_a_script_waits_for_the_result() -> None:
    def run_test(test_case: dict[str, Any]) -> TestResult:
        result: TestResult = asyncio.run(test_workflow.ainvoke(test_case, config=thread_config()))
        return result

    assert run_test(CASE).status == "passed"


def test_a_sync_generator_yields_the_events() -> None:
    def stream_test(test_case: dict[str, Any]) -> Iterator[Any]:
        async def _stream() -> Any:
            stream = test_workflow.astream(test_case, stream_mode=["custom"], config=thread_config())
            async for mode, chunk in stream:
                if mode == "custom":
                    yield chunk

        loop = asyncio.new_event_loop()
        gen = _stream()
        try:
            while True:
                yield loop.run_until_complete(gen.__anext__())
        except StopAsyncIteration:
            pass
        finally:
            loop.close()

    kinds = [event["event"] for event in stream_test(CASE)]
    assert kinds[0] == "started"
    assert kinds[-1] == "completed"
    assert kinds.count("assertion_result") == 2


async def test_what_the_target_raises_is_a_result() -> None:
    result = await test_workflow.ainvoke({"name": "bad", "turns": [{"user_input": "fail"}]}, config=thread_config())
    assert result.status == "error"
    assert result.error == "RuntimeError: the kettle exploded"


async def test_assertions_on_the_conversation_are_in_the_evaluations_result() -> None:
    case = {**CASE, "assertions": [{"type": "max_turns", "value": 1}]}
    result = await eval_workflow.ainvoke(case, config=thread_config())
    assert [each["type"] for each in result.assertions] == ["max_turns"]


async def test_a_batch_counts_what_passed_and_keeps_to_its_concurrency() -> None:
    now, most = 0, 0

    async def counts(message: str) -> str:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.01)
        now -= 1
        return message

    use(target=counts)
    cases = [
        {"name": f"c{number}", "turns": [{"user_input": "x", "assertions": [{"type": "contains", "value": value}]}]}
        for number, value in enumerate("xxyx")
    ]
    events: list[Any] = []
    async for mode, chunk in batch_workflow.astream(
        {"test_cases": cases, "max_concurrent": 2}, stream_mode=["custom", "updates"], config=thread_config()
    ):
        events.append(chunk) if mode == "custom" else None
        result = chunk if mode == "updates" else None
    assert result is not None
    (batch,) = result.values()
    assert batch.passed_count == 3
    assert sorted(each.test_name for each in batch.results) == ["c0", "c1", "c2", "c3"]
    assert most == 2
    assert [event["event"] for event in events] == ["batch_started", *["test_completed"] * 4, "batch_completed"]
    assert events[-1] == {"event": "batch_completed", "passed": 3, "total": 4}


async def test_a_simulated_user_talks_to_the_target() -> None:
    use(target=lambda message: f"You said {message}")
    case = {"name": "talk", "simulation": {"rules": [{"say": "hello"}, {"say": "bye"}], "max_turns": 2}}
    result = await simulation_workflow.ainvoke(case, config=thread_config())
    assert [turn["user_input"] for turn in result.turns] == ["hello", "bye"]
    with pytest.raises(InputError, match="no simulated user"):
        await simulation_workflow.ainvoke(CASE, config=thread_config())


async def test_without_a_target_it_is_refused_with_the_way_to_choose_one() -> None:
    workflows._runner = None
    with pytest.raises(InputError, match=r"workflows\.use"):
        await test_workflow.ainvoke(CASE, config=thread_config())


def test_each_thread_has_an_id_of_its_own() -> None:
    assert thread_config() != thread_config()
    assert thread_config("a") == {"configurable": {"thread_id": "a"}}


async def test_the_runner_takes_a_version_for_one_test() -> None:
    def versions(runtime: dict[str, Any]) -> str:
        return str(runtime["version"])

    runner = use(target=versions, version="v1")
    case = {"name": "which", "turns": [{"user_input": "?"}]}
    assert (await runner.arun_test(case)).turns[0].response == "v1"
    assert (await runner.arun_test(case, version="v2")).turns[0].response == "v2"
