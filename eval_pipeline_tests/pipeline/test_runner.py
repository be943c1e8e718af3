"""The front door: four ways to evaluate one case and four for many, whatever the case is written in."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph

from eval_pipeline.errors import InputError, TransientError
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline_tests.building import a_case, write_suite

CODE = """
import asyncio, json
from eval_pipeline.context.shared_context import get_shared_context
from eval_pipeline.errors import TransientError
def echoes_runtime(message, runtime): return json.dumps(runtime)
def echo(message): return message
async def waits(message):
    try: await asyncio.sleep(60)
    except asyncio.CancelledError:
        with open(message, "w") as file: file.write("cancelled")
        raise
async def naps(message, case):
    await asyncio.sleep(case["metadata"]["s"])
    return message
def looks(message): return str(get_shared_context().lookup("a", message))
def away(message): raise TransientError("the store is away", fix="wait")
"""


def a_runner(folder: Path, name: str = "echo", *, suite: Any = None, **given: Any) -> EvalRunner:
    (folder / "own.py").write_text(CODE)
    write_suite(folder, target={"kind": "python", "path": f"own.py:{name}"}, **(suite or {}))
    return EvalRunner(folder, **given)


def kinds(events: list[Any]) -> list[str]:
    return [event["event"] for event in events]


ONE = ["started", "user_input", "agent_response", "assertion_result", "eval_completed", "completed"]


async def test_one_case_awaited_and_streamed(folder: Path) -> None:
    runner = a_runner(folder)
    assert (await runner.arun("c1")).status == "passed"
    events = [event async for event in runner.astream("c1")]
    assert kinds(events) == ONE
    assert (events[-1]["status"], events[-1]["score"]) == ("passed", 1.0)


def test_one_case_without_an_event_loop(folder: Path) -> None:
    runner = a_runner(folder)
    assert runner.run("c1").status == "passed"
    assert kinds(list(runner.stream("c1"))) == ONE


async def test_many_cases_awaited_and_streamed(folder: Path) -> None:
    runner = a_runner(folder, "naps", max_concurrency=3)
    passes = [{"type": "max_turns", "value": 1}]
    cases = [a_case(f"c{n}", metadata={"s": s}, assertions=passes) for n, s in enumerate((0.1, 0.05, 0))]
    assert [result.case_id for result in await runner.abatch(cases)] == ["c2", "c1", "c0"]
    events = [event async for event in runner.astream_batch(cases)]
    assert kinds(events) == ["batch_started", *["test_completed"] * 3, "batch_completed"]
    assert events[0]["total"] == 3
    assert [(event["index"], event["name"], event["passed"]) for event in events[1:-1]] == [
        (0, "c2", True),
        (1, "c1", True),
        (2, "c0", True),
    ]
    none = dict.fromkeys(("failed", "error", "limit", "unscored", "skipped"), 0)
    assert events[-1] == {"event": "batch_completed", "total": 3, "passed": 3, **none}


def test_many_cases_without_an_event_loop(folder: Path) -> None:
    runner = a_runner(folder)
    assert [result.status for result in runner.batch()] == ["passed"]
    assert kinds(list(runner.stream_batch())) == ["batch_started", "test_completed", "batch_completed"]


def test_what_is_chosen_for_a_call_goes_before_the_runners_and_that_before_the_cases(folder: Path) -> None:
    runner = a_runner(folder, "echoes_runtime", model="runner", temperature=0.5)
    case = {"id": "x", "input": "hi", "_runtime_model": "case", "_runtime_version": "1", "_default_test_data": {"a": 1}}
    response = runner.run(case, model="call").turns[0].response
    assert response == (
        '{"model": "call", "version": "1", "temperature": 0.5, "start_agent": null, "test_data": {"a": 1}}'
    )
    assert '"model": "runner"' in runner.run(case).turns[0].response


def test_cases_and_targets_may_be_made_in_python() -> None:
    case = a_case(input="tea", assertions=[{"type": "equals", "value": "TEA"}])
    assert EvalRunner(target=str.upper).run(case).status == "passed"
    builder = StateGraph(MessagesState)
    builder.add_node("up", lambda state: {"messages": [AIMessage(str(state["messages"][-1].content).upper())]})
    builder.add_edge(START, "up")
    assert EvalRunner(target=builder.compile()).run(case).status == "passed"


def test_the_shared_context_is_built_once_and_reused(folder: Path, tmp_path: Path) -> None:
    (folder / "a.csv").write_text("id,n\nhello,1\n")
    runner = a_runner(
        folder, "looks", suite={"context": {"tables": {"a": {"file": "a.csv"}}}}, store=str(tmp_path / "store")
    )
    assert "'n': 1" in runner.run("c1").turns[0].response
    assert "'n': 1" in runner.batch()[0].turns[0].response


@pytest.mark.parametrize(
    ("case", "message"),
    [("nobody", "no case 'nobody'"), ({"id": "x"}, "has no input for the target"), ({"id": "x", "inptu": 1}, "inptu")],
)
def test_what_is_no_case_is_refused(folder: Path, case: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        a_runner(folder).run(case)


def test_what_is_nothing_to_evaluate_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to evaluate"):
        EvalRunner()
    with pytest.raises(InputError, match="cannot be evaluated"):
        EvalRunner(target=5).run(a_case())


async def test_ending_the_iteration_cancels_the_work(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    runner = a_runner(folder, "waits")
    async with asyncio.timeout(20):
        events = runner.astream(a_case(input=str(mark)))
        while (await anext(events))["event"] != "user_input":
            pass
        await asyncio.sleep(0.05)
        await events.aclose()
    assert mark.read_text() == "cancelled"


def test_leaving_the_sync_generator_cancels_the_work(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    events = a_runner(folder, "waits").stream(a_case(input=str(mark)))
    assert next(events)["event"] == "started"
    assert next(events)["event"] == "user_input"
    events.close()
    assert not mark.exists() or mark.read_text() == "cancelled"


async def test_a_failing_world_is_raised_after_the_events(folder: Path) -> None:
    runner = a_runner(folder, "away")
    events = runner.astream_batch()
    assert (await anext(events))["event"] == "batch_started"
    with pytest.raises(TransientError):
        await anext(events)
    with pytest.raises(TransientError):
        await runner.arun("c1")


def test_a_batch_goes_on_where_a_checkpoint_left_it(folder: Path, tmp_path: Path) -> None:
    runner = a_runner(folder, checkpoints=tmp_path / "kept.sqlite")
    first = runner.batch()
    again = a_runner(folder, checkpoints=tmp_path / "kept.sqlite").batch()
    assert first[0].turns == again[0].turns
    other = a_runner(folder, checkpoints=tmp_path / "kept.sqlite", experiment="other").batch()
    assert other[0].turns != first[0].turns
