"""Targets and evaluators that end more than themselves, or answer what cannot be stored: one case's error, no more."""

import asyncio
import gc
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.api.sse import _data
from eval_pipeline.errors import InputError
from eval_pipeline.evaluation.events import iterate
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.result_row import table_of
from eval_pipeline.targets.session import Reply
from eval_pipeline.telemetry.plain import plain
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline_tests.building import a_case, a_suite, evaluated, write_suite
from eval_pipeline_tests.evaluation import misbehaving

HERE = "eval_pipeline_tests.evaluation.misbehaving"
BREAKING = {
    "exits": "called sys.exit(7)",
    "exits_on_the_loop": "called sys.exit(7)",
    "goes_beyond": "raised BeyondExceptionError: gone",
    "goes_beyond_on_the_loop": "raised BeyondExceptionError: gone",
    "interrupts": "KeyboardInterrupt",
    "interrupts_on_the_loop": "raised KeyboardInterrupt",
    "closes": "GeneratorExit",
    "cancels_itself": "was cancelled by something that it started itself",
    "breaks_without_text": "whose text cannot be had",
}
GRAPHS = {
    "graph_that_exits": "the target called sys.exit(7)",
    "graph_that_exits_on_the_loop": "the target called sys.exit(7)",
    "graph_that_interrupts": "the target raised KeyboardInterrupt",
    "graph_that_goes_beyond": "the target raised BeyondExceptionError: gone",
}


def the_loop_still_works() -> None:
    assert EvalRunner(target=str.upper).run(a_case()).turns[0].response == "HELLO"


def message_of(result: CaseResult) -> str:
    assert result.status == "error"
    assert result.error is not None
    return result.error.message


@pytest.mark.parametrize("name", [*BREAKING, *GRAPHS])
@pytest.mark.parametrize("checkpoints", [None, "kept.sqlite"])
def test_what_a_target_raises_ends_its_case_only(name: str, tmp_path: Path, checkpoints: str | None) -> None:
    kept = None if checkpoints is None else tmp_path / checkpoints
    runner = EvalRunner(target=getattr(misbehaving, name), checkpoints=kept)
    result = runner.batch([a_case("c1"), a_case("c2")])
    assert [({**BREAKING, **GRAPHS}[name] in message_of(result)) for result in result] == [True, True]
    assert result[0].turns[0].events[-1]["type"] == "error"
    the_loop_still_works()


@pytest.mark.parametrize("name", BREAKING)
@pytest.mark.parametrize("kind", ["python", "evaluator"])
def test_what_an_evaluator_raises_breaks_its_assertion_only(folder: Path, name: str, kind: str) -> None:
    breaking = {"type": kind, "path": f"{HERE}:{name}"}
    cases = [{"id": f"c{n}", "input": "hello", "assertions": [breaking, {"type": "is_json"}]} for n in range(2)]
    for result in EvalRunner(write_suite(folder, cases=cases)).batch():
        broken, other = result.assertions
        assert (result.status, result.error, other.passed) == ("error", None, False)
        assert broken.error is not None
        assert BREAKING[name] in broken.error.message
    the_loop_still_works()


def test_a_simulated_user_and_a_factory_may_break_as_well(folder: Path) -> None:
    simulation = {"script": f"{HERE}:exits", "goal": "to leave"}
    result = EvalRunner(target=str.upper).run({"id": "c1", "simulation": simulation})
    assert message_of(result) == "the simulated user called sys.exit(7)"
    target = {"kind": "python", "path": f"{HERE}:makes_its_factory_exit", "factory": True}
    assert message_of(EvalRunner(write_suite(folder, target=target)).run("c1")) == "the target called sys.exit(7)"


def test_a_task_that_is_not_awaited_cannot_end_the_loop() -> None:
    result = EvalRunner(target=misbehaving.leaves_a_task_that_exits).run(a_case())
    assert (result.status, result.error) == ("unscored", None)
    the_loop_still_works()


def test_waiting_on_the_loop_for_what_it_has_to_do_is_a_clear_error() -> None:
    result = EvalRunner(target=misbehaving.waits_for_another_evaluation).run(a_case())
    assert "await the asynchronous form" in message_of(result)


def test_events_that_are_not_read_to_the_end_may_be_collected_on_the_loop() -> None:
    ended = asyncio.Event()

    async def events() -> Any:
        try:
            yield {"event": "started"}
            yield {"event": "completed"}
        finally:
            ended.set()

    class Holder:
        events: Any

    def leave_in_a_circle() -> None:
        holder = Holder()
        holder.events = (holder, iterate(events()))
        next(holder.events[1])

    async def collect() -> None:
        gc.collect()
        async with asyncio.timeout(60):
            await ended.wait()

    with warnings.catch_warnings():
        # What other tests of this process left behind is not looked at here.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    gc.disable()
    try:
        leave_in_a_circle()
        run_in_loop(collect())
    finally:
        gc.enable()


async def test_a_target_that_takes_no_notice_of_its_time_limit_is_out_of_time(folder: Path) -> None:
    target = {"kind": "python", "path": f"{HERE}:takes_no_notice"}
    result = await evaluated(a_suite(folder, target=target, evaluation={"timeout_s": 0.2}), a_case())
    assert "no end after 0.2 s" in message_of(result)
    assert result.turns[0].response == "hello"


async def test_what_was_assessed_before_the_time_was_up_is_kept(folder: Path) -> None:
    target = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo"}
    asked = [{"type": "contains", "value": "hello"}, {"type": "python", "path": f"{HERE}:takes_a_while"}]
    result = await evaluated(a_suite(folder, target=target, evaluation={"timeout_s": 0.5}), a_case(assertions=asked))
    assert "no end after 0.5 s" in message_of(result)
    assert [result.passed for result in result.assertions] == [True, None]


async def test_a_long_error_keeps_its_beginning_and_its_end(folder: Path) -> None:
    target = {"kind": "python", "path": f"{HERE}:breaks_at_length"}
    result = await evaluated(a_suite(folder, target=target), a_case())
    message = message_of(result)
    assert message.startswith("begins xxx")
    assert message.endswith("xxx ends")
    assert len(message) < 25_000
    assert result.error is not None
    assert len(result.error.traceback) < 65_000


async def test_an_answer_that_is_no_text_is_an_error_and_one_that_was_left_out_is_empty(folder: Path) -> None:
    target = {"kind": "python", "path": f"{HERE}:answers_with_a_number"}
    assert "the target's answer is a int" in message_of(await evaluated(a_suite(folder, target=target), a_case()))
    silent = {"kind": "python", "path": f"{HERE}:says_nothing"}
    assert (await evaluated(a_suite(folder, target=silent), a_case())).turns[0].response == ""


@pytest.mark.parametrize("which", ["deep", "cycle", "keys", "numbers", "object", "set", "bytes", "surrogate"])
@pytest.mark.parametrize("name", ["calls_oddly", "calls_oddly_live"])
async def test_whatever_is_in_events_can_be_reported_and_stored(folder: Path, name: str, which: str) -> None:
    events: list[Any] = []
    target = {"kind": "python", "path": f"{HERE}:{name}"}
    asked = [{"type": "function_call_order", "value": ["t"]}, {"type": "contains_function_call", "value": "t"}]
    case = a_case(input=which, assertions=asked)
    result = await evaluated(a_suite(folder, target=target), case, listener=events.append)
    assert result.turns[0].events[0]["name"] == "t"
    if name == "calls_oddly":
        assert result.status == "passed"
    table_of([result])
    for event in events:
        json.loads(_data(event).decode().removeprefix("data: "), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("event", "lacking"),
    [
        ({"type": "tool_call", "name": {"a": 1}, "args": {}}, "name"),
        ({"type": "tool_call", "name": "t", "args": "text"}, "args"),
        ({"type": "tool_result", "name": "t", "content": "", "id": ["x"]}, "id"),
    ],
)
async def test_events_that_cannot_be_compared_are_refused(event: Any, lacking: str) -> None:
    with pytest.raises(InputError, match=f"lacks a usable {lacking}"):
        Reply(response="", events=[event])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(value=JSON)
def test_what_is_plain_already_stays_the_same_object(value: Any) -> None:
    assert plain(value) is value
