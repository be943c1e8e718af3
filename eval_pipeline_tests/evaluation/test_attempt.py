"""One attempt: the order of events, its status whatever happens, and the row it becomes."""

import asyncio
import datetime as dt
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import TransientError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.result_row import RESULT_SCHEMA, row_of, table_of
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.building import a_case, a_context, a_suite, an_evaluator, evaluated

CODE = """
import asyncio, time
from concurrent.futures import ThreadPoolExecutor
from eval_pipeline.context.shared_context import get_shared_context
from eval_pipeline.errors import TransientError
def echo(message): return {"response": message, "events": [
    {"type": "tool_call", "name": "f", "args": {"a": 1}, "id": 1},
    {"type": "tool_result", "name": "f", "content": {"n": [1]}, "id": 1}, {"type": "handoff", "from": "a", "to": "b"}]}
def second_fails(message, history):
    if history: raise RuntimeError("no luck")
    return message
async def slow(message): await asyncio.sleep(30)
async def own_timeout(message): raise TimeoutError("the database")
def away(message): raise TransientError("the store is away", fix="wait")
def half_a_character(message): return {"response": "a\\ud800ü", "events": [{"type": "message", "content": "\\udfff"}]}
def own_thread(message):
    with ThreadPoolExecutor() as pool: return pool.submit(get_shared_context).result()
def hangs(message): time.sleep(60)
def naps(message): time.sleep(0.5); return message
def factory(): raise RuntimeError("cannot be made")
def checks(response): raise KeyError("x")
"""
SAID = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]


@pytest.fixture
def code(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    return folder


async def attempted(folder: Path, name: str, *, suite: Any = None, factory: bool = False, **case: Any) -> CaseResult:
    target = {"kind": "python", "path": f"own.py:{name}", "factory": factory}
    return await evaluated(a_suite(folder, target=target, **(suite or {})), a_case(**case))


async def test_events_come_in_the_order_of_the_vocabulary(code: Path) -> None:
    turns = [{"user": "a", "assertions": [{"type": "equals", "value": "a"}]}, {"user": "b"}]
    case = a_case(turns=turns, assertions=[{"type": "contains", "value": "x", "name": "has x"}])
    suite = a_suite(
        code,
        target={"kind": "python", "path": "own.py:echo"},
        assertions=[{"type": "no_function_call", "weight": 0}],
    )
    events: list[Any] = []
    result = await evaluated(suite, case, listener=events.append, number=2)
    turn = ["user_input", "turn_event", "turn_event", "turn_event", "agent_response"]
    assert [event["event"] for event in events] == [
        "started",
        *turn,
        "assertion_result",
        *turn,
        "assertion_result",
        "assertion_result",
        "eval_completed",
        "completed",
    ]
    assert events[0] == {"event": "started", "test_name": "c1", "attempt": 2}
    assert [
        (event["name"], event["turn"], event["passed"]) for event in events if event["event"] == "assertion_result"
    ] == [
        ("equals", 0, True),
        ("no_function_call", None, False),
        ("has x", None, False),
    ]
    assert events[-2:] == [
        {"event": "eval_completed", "score": 0.5},
        {"event": "completed", "total_turns": 2, "status": "failed", "score": 0.5},
    ]
    assert (result.status, result.score, result.attempt) == ("failed", 0.5, 2)
    assert [item.name for item in result.failed_assertions] == ["has x"]


async def test_listening_changes_nothing_of_the_result(code: Path) -> None:
    assertion = {"type": "contains", "value": "a"}
    heard = await evaluated(
        a_suite(code, target={"kind": "python", "path": "own.py:echo"}),
        a_case(input="a", assertions=[assertion]),
        listener=lambda _: None,
    )
    silent = await attempted(code, "echo", input="a", assertions=[assertion])
    assert (heard.status, heard.assertions, heard.fingerprint) == (silent.status, silent.assertions, silent.fingerprint)


async def test_without_assertions_an_attempt_is_unscored(code: Path) -> None:
    result = await attempted(code, "echo")
    assert (result.status, result.score, result.assertions) == ("unscored", None, ())
    assert result.started_at.tzinfo is dt.UTC


async def test_a_target_that_raises_leaves_what_was_done_before(code: Path) -> None:
    turns = [{"user": text, "assertions": [{"type": "contains", "value": text}]} for text in "ab"]
    result = await attempted(code, "second_fails", turns=turns)
    assert result.status == "error"
    assert [(each.turn, each.passed, each.score) for each in result.assertions] == [(0, True, 1.0), (1, None, None)]
    assert result.assertions[1].message == "not carried out: the attempt ended in an error before"
    assert [(turn.input, [event["type"] for event in turn.events]) for turn in result.turns] == [
        ("a", []),
        ("b", ["error"]),
    ]
    assert result.error is not None
    assert (result.error.name, result.error.message) == ("RuntimeError", "no luck")
    assert "second_fails" in result.error.traceback


async def test_the_listener_hears_of_the_error(code: Path) -> None:
    events: list[Any] = []
    suite = a_suite(code, target={"kind": "python", "path": "own.py:second_fails"})
    await evaluated(suite, a_case(turns=[{"user": "a"}, {"user": "b"}]), listener=events.append)
    assert events[-1] == {"event": "error", "test_name": "c1", "message": "no luck"}


async def test_an_attempt_that_takes_too_long_is_an_error(code: Path) -> None:
    result = await attempted(code, "slow", suite={"evaluation": {"timeout_s": 0.05}})
    assert result.error is not None
    assert (result.error.name, result.error.message) == ("TimeoutError", "no end after 0.05 s (evaluation.timeout_s)")


async def test_the_settings_limit_attempts_of_a_suite_that_gives_no_limit(code: Path) -> None:
    settings = LangSmithSettings(evaluation_timeout_seconds=0.05)
    own: dict[str, Any] = {"kind": "python", "path": "own.py:slow"}
    for timeout_s, message in (
        (None, "no end after 0.05 s (evaluation_timeout_seconds)"),
        (0.1, "no end after 0.1 s (evaluation.timeout_s)"),
    ):
        evaluator = an_evaluator(a_suite(code, target=own, evaluation={"timeout_s": timeout_s})).configured(settings)
        result = await evaluator.evaluate(Attempt(case=a_case(), number=1))
        assert result.error is not None
        assert result.error.message == message


async def test_a_timeout_of_the_targets_own_is_reported_as_such(code: Path) -> None:
    result = await attempted(code, "own_timeout")
    assert result.error is not None
    assert (result.error.name, result.error.message) == ("TimeoutError", "the database")


async def test_a_session_that_cannot_be_opened_is_an_error_of_the_attempt(code: Path) -> None:
    result = await attempted(code, "factory", factory=True)
    assert (result.status, result.turns) == ("error", ())


async def test_the_world_failing_is_raised(code: Path) -> None:
    with pytest.raises(TransientError, match="the store is away"):
        await attempted(code, "away")


@pytest.mark.parametrize(("weight", "status"), [(1, "error"), (0, "passed")])
async def test_an_assertion_that_breaks_makes_the_attempt_an_error_if_it_has_weight(
    code: Path, weight: int, status: str
) -> None:
    broken = {"type": "python", "path": "own.py:checks", "weight": weight}
    result = await attempted(code, "echo", assertions=[broken, {"type": "contains", "value": "hello"}])
    assert (result.status, result.score, result.error) == (status, 1.0 if status == "passed" else None, None)
    assert [item.error is None for item in result.assertions] == [False, True]


async def test_a_recorded_conversation_of_many_turns_is_replayed(folder: Path) -> None:
    recordings = [{"messages": SAID * 80, "data": {"reward": 1}}, {"messages": SAID}]
    case = a_case(recordings=recordings, assertions=[{"type": "contains", "value": "ho"}])
    evaluator = an_evaluator(a_suite(folder))
    attempts = evaluator.attempts(case, None)
    assert [attempt.number for attempt in attempts] == [1, 2]
    results = [await evaluator.evaluate(attempt) for attempt in attempts]
    assert [(result.status, len(result.turns)) for result in results] == [("passed", 80), ("passed", 1)]


async def test_every_result_is_a_row_of_the_schema(code: Path, tmp_path: Path) -> None:
    suite = {"evaluation": {"timeout_s": 0.05}}
    results = [
        await attempted(code, "echo", tags=["t"], assertions=[{"type": "python", "path": "own.py:checks"}]),
        await attempted(code, "echo", turns=[{"user": "a"}, {"user": "b"}]),
        await attempted(code, "slow", suite=suite),
    ]
    table = table_of(results)
    pq.write_table(table, tmp_path / "r.parquet")
    rows = pq.read_table(tmp_path / "r.parquet").to_pylist()
    schema = pq.read_schema(tmp_path / "r.parquet")
    assert (schema.names, schema.metadata) == (RESULT_SCHEMA.names, RESULT_SCHEMA.metadata)
    assert [row["status"] for row in rows] == ["error", "unscored", "error"]
    assert [row["started_at"] for row in rows] == [result.started_at for result in results]
    assert rows[0]["assertions"][0]["error"]["name"] == "KeyError"
    call, result, handoff = rows[1]["turns"][1]["events"]
    assert (call["id"], call["args"], result["content"]) == ("1", '{"a": 1}', '{"n": [1]}')
    assert handoff["data"] == '{"from": "a", "to": "b"}'
    assert rows[2]["error"]["message"].startswith("no end after")


async def test_the_fingerprint_follows_what_the_result_depends_on(code: Path, tmp_path: Path) -> None:
    (code / "a.csv").write_text("id\n1\n")
    target = {"kind": "python", "path": "own.py:echo"}
    tables = {"tables": {"a": {"file": "a.csv"}}}

    def fingerprint(*, context: SharedContext | None = None, case: Any = None, **fields: Any) -> str:
        evaluator = an_evaluator(a_suite(code, target=target, **fields), context=context)
        return evaluator.fingerprint(a_case(**(case or {})))

    opened = a_context(a_suite(code, context=tables), LocalStore(tmp_path / "store"))
    rubric = {"type": "llm_rubric", "value": "It greets."}
    others = [
        fingerprint(case={"input": "other"}),
        fingerprint(assertions=[{"type": "contains", "value": "x"}]),
        fingerprint(assertions=[rubric], judge={"model": "openai:gpt-4o"}),
        fingerprint(assertions=[rubric], judge={"model": "openai:gpt-4.1"}),
        fingerprint(context=opened),
    ]
    assert fingerprint() == fingerprint()
    assert len({fingerprint(), *others}) == 6
    evaluator = an_evaluator(a_suite(code, target=target))
    for pins in (replace(evaluator.pins, target_version="another"), replace(evaluator.pins, variant="another")):
        assert replace(evaluator, pins=pins).fingerprint(a_case()) != fingerprint()


async def test_a_turn_that_a_recording_never_reached_fails_what_is_asserted_of_it(folder: Path) -> None:
    asserted = [{"type": "contains", "value": "ho"}]
    turns = [{"user": "hi", "assertions": asserted}, {"user": "and?", "assertions": asserted}]
    result = await evaluated(a_suite(folder), a_case(turns=turns, recordings=[{"messages": SAID}]))
    assert [(result.turn, result.passed) for result in result.assertions] == [(0, True), (1, False)]
    assert result.assertions[1].message == "the conversation ended before this turn"


async def test_half_a_surrogate_pair_in_an_answer_is_stored_as_a_question_mark(code: Path) -> None:
    row = row_of(await attempted(code, "half_a_character"))
    pa.Table.from_pylist([row], schema=RESULT_SCHEMA)
    assert (row["turns"][0]["response"], row["turns"][0]["events"][0]["content"]) == ("a?ü", "?")


async def test_a_thread_of_the_targets_own_without_the_context_is_an_error_of_the_attempt(
    code: Path, tmp_path: Path
) -> None:
    (code / "a.csv").write_text("id\nx\n")
    suite = a_suite(
        code,
        target={"kind": "python", "path": "own.py:own_thread"},
        context={"tables": {"a": {"file": "a.csv"}}},
    )
    result = await evaluated(suite, a_case(), context=a_context(suite, LocalStore(tmp_path / "store")))
    assert result.status == "error"
    assert result.error is not None
    assert "copy_context" in result.error.message


async def test_a_sync_target_that_hangs_ends_at_the_time_limit_and_takes_no_other_down(code: Path) -> None:
    suite = a_suite(code, target={"kind": "python", "path": "own.py:hangs"}, evaluation={"timeout_s": 0.2})
    evaluator = an_evaluator(suite)
    attempts = [evaluator.attempts(a_case(f"c{n}"), None)[0] for n in range(40)]
    started = time.perf_counter()
    results = await asyncio.gather(*map(evaluator.evaluate, attempts))
    assert time.perf_counter() - started < 10
    assert {result.error.name for result in results if result.error} == {"TimeoutError"}
    assert (await attempted(code, "echo")).error is None


async def test_latency_of_sync_targets_holds_no_waiting_for_a_thread(code: Path) -> None:
    suite = a_suite(code, target={"kind": "python", "path": "own.py:naps"})
    evaluator = an_evaluator(suite)
    attempts = [evaluator.attempts(a_case(f"c{n}"), None)[0] for n in range(60)]
    results = await asyncio.gather(*map(evaluator.evaluate, attempts))
    assert max(result.latency_s for result in results) < 1.5
