"""Attempts that are checkpointed: killed in the middle they go on at the turn they had reached."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.checkpoints import open_checkpoints
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator, evaluated

CODE = """
import json, os, signal, time
from decimal import Decimal
from pathlib import Path
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph

LOG, KILL = Path(__file__).with_name("messages.log"), Path(__file__).with_name("kill")
def note(text):
    with LOG.open("a") as log: log.write(text + "\\n")
    if KILL.exists() and KILL.read_text() == text:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
def answer(message, history):
    note(message)
    call = {"type": "tool_call", "name": "f", "args": {"price": Decimal("4.20")}, "id": len(history)}
    return {"response": f"{message} after {len(history)}", "events": [call]}
def checks(response):
    note("checked " + response)
    return "after" in response
def remember(state):
    heard = [message.content for message in state["messages"] if message.type == "human"]
    note(heard[-1])
    return {"messages": [AIMessage(" ".join(heard))]}
builder = StateGraph(MessagesState)
builder.add_node("remember", remember)
builder.add_edge(START, "remember")
remembers, forgets = builder.compile(checkpointer=InMemorySaver()), builder.compile()
@entrypoint()
def inner(text): return text.upper()
def runs_a_graph(message): return inner.invoke(message)
def flaky(message):
    note(message)
    if message == "b" and not KILL.exists():
        KILL.write_text("")
        raise RuntimeError("no luck")
    return message
"""

PROGRAM = """
import asyncio, sys
from pathlib import Path
from eval_pipeline_tests.evaluation.test_checkpoints import TURNS, resumed
result = asyncio.run(resumed(Path(sys.argv[1]), sys.argv[2], sys.argv[3], turns=TURNS))
print([turn.response for turn in result.turns])
"""
TURNS = [{"user": text, "assertions": [{"type": "python", "path": "own.py:checks"}]} for text in "abcd"]


@pytest.fixture
def code(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    return folder


async def resumed(folder: Path, kind: str, name: str, *, events: Any = None, **case: Any) -> CaseResult:
    """An attempt that goes on where another process left it, if there was one."""
    suite = a_suite(folder, target={"kind": kind, "path": f"own.py:{name}"})
    async with open_checkpoints(folder / "kept" / "checkpoints.sqlite") as checkpoints:
        made = an_evaluator(suite)
        evaluator = CaseEvaluator(
            suite=suite, target=made.target, context=None, pins=made.pins, checkpoints=checkpoints
        )
        attempt = Attempt(case=a_case(**{"turns": TURNS, **case}), number=1)
        return await evaluator.evaluate(attempt, listener=None if events is None else events.append)


def killed(folder: Path, kind: str, name: str, *, at: str, turns: str = "TURNS") -> None:
    (folder / "kill").write_text(at)
    program = [sys.executable, "-c", PROGRAM.replace("turns=TURNS", f"turns={turns}"), str(folder), kind, name]
    ended = subprocess.run(program, check=False, capture_output=True, text=True, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    (folder / "kill").unlink()


def scores(result: CaseResult) -> list[tuple[str, str, float]]:
    return [(turn.input, turn.response, turn.latency_s) for turn in result.turns]


def log(folder: Path) -> list[str]:
    return (folder / "messages.log").read_text().split("\n")[:-1]


async def test_a_killed_attempt_goes_on_at_the_turn_it_had_reached(code: Path) -> None:
    killed(code, "python", "answer", at="c")
    before = log(code)
    assert before == ["a", "checked a after 0", "b", "checked b after 2", "c"]

    events: list[Any] = []
    result = await resumed(code, "python", "answer", events=events)

    assert log(code)[len(before) :] == ["c", "checked c after 4", "d", "checked d after 6"]
    assert [turn.response for turn in result.turns] == ["a after 0", "b after 2", "c after 4", "d after 6"]
    assert [result.turn for result in result.assertions] == [0, 1, 2, 3]
    assert (result.status, result.score) == ("passed", 1.0)
    assert result.turns[0].events[0]["args"] == {"price": "4.20"}
    assert [event["turn"] for event in events if event["event"] == "agent_response"] == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["remembers", "forgets"])
async def test_a_graph_goes_on_with_the_conversation_that_died_with_its_process(code: Path, name: str) -> None:
    turns = [{"user": text} for text in "abcd"]
    killed(code, "langgraph", name, at="c", turns=str(turns))

    result = await resumed(code, "langgraph", name, turns=turns)

    assert [turn.response for turn in result.turns] == ["a", "a b", "a b c", "a b c d"]
    assert log(code) == ["a", "b", "c", "c", "d"]


async def test_a_simulated_user_goes_on_as_well(code: Path) -> None:
    simulation = {"rules": [{"say": "x", "times": 2}, {"say": "y"}], "max_turns": 9}
    case: dict[str, Any] = {"turns": [], "simulation": simulation}
    first = await resumed(code, "python", "answer", **case)
    assert len(log(code)) == 3
    again = await resumed(code, "python", "answer", **case)
    assert len(log(code)) == 3
    assert (again.simulation, scores(again)) == (first.simulation, scores(first))


async def test_a_finished_attempt_is_restored_and_not_made_again(code: Path) -> None:
    first = await resumed(code, "python", "answer")
    lines = log(code)
    again = await resumed(code, "python", "answer")
    assert log(code) == lines
    assert (scores(again), again.assertions, again.status) == (scores(first), first.assertions, first.status)
    changed = [{"user": "z"}]
    assert (await resumed(code, "python", "answer", turns=changed)).turns[0].input == "z"


async def test_after_an_error_only_what_had_not_ended_is_tried_again(code: Path) -> None:
    turns = {"turns": [{"user": text} for text in "abc"]}
    assert (await resumed(code, "python", "flaky", **turns)).status == "error"
    result = await resumed(code, "python", "flaky", **turns)
    assert (result.error, [turn.response for turn in result.turns]) == (None, ["a", "b", "c"])
    assert log(code) == ["a", "b", "b", "c"]


async def test_graphs_that_a_target_runs_keep_out_of_our_checkpoints(code: Path) -> None:
    result = await resumed(code, "python", "runs_a_graph", turns=[{"user": "a"}, {"user": "b"}])
    assert [turn.response for turn in result.turns] == ["A", "B"]


async def test_many_attempts_share_a_file(code: Path) -> None:
    suite = a_suite(code, target={"kind": "python", "path": "own.py:answer"})
    made = an_evaluator(suite)
    async with open_checkpoints(code / "checkpoints.sqlite") as checkpoints:
        evaluator = CaseEvaluator(
            suite=suite, target=made.target, context=None, pins=made.pins, checkpoints=checkpoints
        )
        cases = [a_case(f"c{n}", input=str(n)) for n in range(8)]
        results = await asyncio.gather(*[evaluator.evaluate(Attempt(case=case, number=1)) for case in cases])
    assert [result.turns[0].input for result in results] == [str(n) for n in range(8)]


def test_nothing_is_written_unless_it_is_asked_for(code: Path) -> None:
    asyncio.run(evaluated(a_suite(code, target={"kind": "python", "path": "own.py:answer"}), a_case()))
    assert not list(code.glob("**/*.sqlite*"))
