"""Simulated users: who speaks, what ends the conversation, and that playing the user is counted apart."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.errors import InputError
from eval_pipeline.evaluation import simulated_user
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.result_row import table_of
from eval_pipeline.suite.check import check_suite
from eval_pipeline.testing.openai_server import openai_server, tool_call
from eval_pipeline_tests.building import a_case, a_suite, evaluated, write_suite

CODE = """
def desk(message, history):
    if "order" in message: return "Your refund for " + message.split()[-1] + " is done."
    if "bye" in message: return "Goodbye."
    if "fail" in message: raise RuntimeError("no luck")
    return "Which one?"
def plays(turn, message, facts, goal):
    if "done" in message: return {"goal_reached": True, "reason": goal}
    return "Hello" if turn == 0 else f"order {facts['order']}"
def silent(): return None
def wrong(): return 5
def says_false(): return {"goal_reached": "false"}
"""
TARGET = {"kind": "python", "path": "own.py:desk"}


@pytest.fixture
def code(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    return folder


async def simulated(folder: Path, simulation: Mapping[str, Any], *, events: Any = None, **case: Any) -> CaseResult:
    fields = {"turns": [], "simulation": dict(simulation), **case}
    suite = a_suite(folder, target=TARGET)
    return await evaluated(suite, a_case(**fields), listener=None if events is None else events.append)


def user_messages(result: CaseResult) -> list[str]:
    return [turn.input for turn in result.turns]


async def test_a_callable_plays_the_user_until_it_has_what_it_wants(code: Path) -> None:
    result = await simulated(code, {"script": "own.py:plays", "goal": "a refund", "facts": {"order": 12}})
    assert user_messages(result) == ["Hello", "order 12"]
    assert result.simulation is not None
    assert (result.simulation.ended, result.simulation.reason, result.simulation.turns) == (
        "goal_reached",
        "a refund",
        2,
    )
    assert (result.simulation.model, result.simulation.calls) == (None, 0)


async def test_a_goal_that_is_no_bool_is_an_error(code: Path) -> None:
    result = await simulated(code, {"script": "own.py:says_false", "goal_required": True})
    assert result.error is not None
    assert "returned `goal_reached: 'false'`, which is no bool" in result.error.message


async def test_rules_speak_in_order_as_often_as_they_may(code: Path) -> None:
    rules = [{"when": "Which", "say": "order 7"}, {"say": "Hi", "times": 2}]
    result = await simulated(code, {"rules": rules})
    assert user_messages(result) == ["Hi", "order 7", "Hi"]
    assert result.simulation is not None
    assert (result.simulation.ended, result.simulation.reason) == ("script_ended", "no rule applies")


@pytest.mark.parametrize(
    ("conditions", "ended", "turns"),
    [
        ({"goal_when": "refund .* done"}, "goal_reached", 2),
        ({"stop_when": "Which"}, "stop_condition", 1),
        ({"max_turns": 3}, "max_turns", 3),
        ({"goal_when": "never", "max_turns": 1}, "max_turns", 1),
    ],
)
async def test_what_ends_a_conversation_is_recorded(
    code: Path, conditions: dict[str, Any], ended: str, turns: int
) -> None:
    rules = [{"when": "^$", "say": "Hi"}, {"say": "order 1", "times": 9}]
    result = await simulated(code, {"rules": rules, **conditions})
    assert result.simulation is not None
    assert (result.simulation.ended, len(result.turns)) == (ended, turns)


async def test_a_pattern_that_would_never_end_is_a_clear_error(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_user, "_SEARCH_S", 0.05)
    stop_when = r"for (a|aa|a*)+$(?<!b)"
    result = await simulated(code, {"rules": [{"say": f"order {'a' * 40}"}], "stop_when": stop_when})
    assert result.error is not None
    assert "did not end within 0.05 s" in result.error.message


async def test_a_search_that_takes_long_holds_up_no_other_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_user, "_SEARCH_S", 0.1)
    others = 0
    searching = asyncio.create_task(simulated_user.matches(r"for (a|aa|a*)+$(?<!b)", f"for {'a' * 40}b"))
    while not searching.done():
        await asyncio.sleep(0)
        others += 1
    with pytest.raises(InputError, match="did not end within"):
        await searching
    assert others > 10


@settings(deadline=None)
@given(limit=st.integers(1, 6), written=st.integers(0, 8))
async def test_never_more_turns_than_allowed_are_taken_beyond_the_written_ones(limit: int, written: int) -> None:
    simulation = {"rules": [{"say": "x", "times": 99}], "max_turns": limit}
    case: dict[str, Any] = {"turns": [{"user": f"w{n}"} for n in range(written)], "simulation": simulation}
    suite = a_suite(Path(), target={"kind": "python", "path": "eval_pipeline_tests.fakes:echo"})
    result = await evaluated(suite, a_case(**case))
    assert len(result.turns) == max(limit, written)


async def test_written_turns_come_first_and_assertions_stand_on_simulated_turns_and_the_whole(code: Path) -> None:
    events: list[Any] = []
    result = await simulated(
        code,
        {"rules": [{"say": "order 9"}], "assertions": [{"type": "contains", "value": "done"}]},
        events=events,
        turns=[{"user": "Hi", "assertions": [{"type": "contains", "value": "Which"}]}],
        assertions=[{"type": "contains", "value": ["Which", "done"], "name": "whole"}],
    )
    assert [(result.turn, result.name, result.passed) for result in result.assertions] == [
        (0, "contains", True),
        (1, "contains", True),
        (None, "whole", True),
    ]
    assert [event["ended"] for event in events if event.get("type") == "simulation_ended"] == ["script_ended"]


@pytest.mark.parametrize(("goal", "status"), [("done", "passed"), ("never", "failed")])
async def test_a_goal_that_is_required_decides(code: Path, goal: str, status: str) -> None:
    simulation = {"rules": [{"say": "order 9"}], "goal_when": goal, "goal_required": True}
    assert (await simulated(code, simulation)).status == status


async def test_a_target_that_breaks_ends_the_simulation_as_an_error_and_keeps_the_turns(code: Path) -> None:
    result = await simulated(code, {"rules": [{"when": "^$", "say": "Hi"}, {"say": "fail"}]})
    assert result.status == "error"
    assert result.simulation is not None
    assert (result.simulation.ended, user_messages(result)) == ("error", ["Hi", "fail"])


async def test_a_script_that_says_nothing_readable_is_a_clear_error(code: Path) -> None:
    result = await simulated(code, {"script": "own.py:wrong"})
    assert result.error is not None
    assert "case c1 · simulation.script" in result.error.message
    assert (await simulated(code, {"script": "own.py:silent"})).status == "unscored"


async def test_a_model_plays_a_persona_and_its_tokens_are_not_the_targets(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code / "prices.csv").write_text("model,input,cached_input,output\nuser,1,1,1\n")
    monkeypatch.setenv("EVAL_PIPELINE_PRICES", str(code / "prices.csv"))

    def plays(body: Mapping[str, Any]) -> Any:
        done = "done" in str(body["messages"][-1]["content"])
        first = len(body["messages"]) == 2
        move: dict[str, Any] = {
            "reasoning": "why",
            "goal_reached": done,
            "message": "" if done else "Hello" if first else "order 5",
        }
        if "tools" in body:
            return {"content": None, "tool_calls": [tool_call(body["tools"][0]["function"]["name"], **move)]}
        return json.dumps(move)

    simulation = {"persona": "Ann, curt", "goal": "a refund", "facts": {"order": 5}, "model": "openai:user"}
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    with openai_server(plays) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        result = await simulated(code, simulation)
    assert result.error is None, result.error.traceback
    assert user_messages(result) == ["Hello", "order 5"]
    played = result.simulation
    assert played is not None
    assert (played.ended, played.reason, played.model, played.calls) == ("goal_reached", "why", "openai:user", 3)
    assert played.tokens.input > 0
    assert result.tokens.input == 0
    prompt = str(server.requests[0]["messages"][0]["content"])
    assert all(part in prompt for part in ("Ann, curt", "a refund", '"order": 5'))
    assert [message["role"] for message in server.requests[1]["messages"]] == ["system", "user", "assistant", "user"]
    row = table_of([result]).to_pylist()[0]
    tokens = played.tokens.input + played.tokens.output
    assert (row["simulation"]["calls"], row["simulation"]["cost_usd"]) == (3, pytest.approx(tokens / 1_000_000))


@pytest.mark.parametrize(
    ("simulation", "message"),
    [
        ({}, "the simulated user is not defined"),
        ({"script": "a.py:b", "rules": [{"say": "x"}]}, "more than one plays the user"),
        ({"goal": "x", "stop_when": "("}, "not a regular expression"),
    ],
)
def test_what_cannot_be_played_is_refused(simulation: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        a_case(turns=[], simulation=simulation)


def test_check_finds_what_a_simulation_lacks(folder: Path) -> None:
    cases = [
        {"id": "a", "simulation": {"goal": "x", "goal_required": True}},
        {"id": "b", "simulation": {"script": "none.py:at_all", "goal_required": True}},
    ]
    _, _, problems = check_suite(write_suite(folder, cases=cases))
    assert [(problem.case, problem.field) for problem in problems] == [
        ("a", "simulation.model"),
        ("b", "simulation.script"),
    ]
    _, _, problems = check_suite(write_suite(folder, cases=cases[:1], simulated_user={"model": "openai:x"}))
    assert problems == []


async def test_without_any_model_the_attempt_says_so(code: Path) -> None:
    result = await simulated(code, {"goal": "x"})
    assert result.error is not None
    assert result.error.name == InputError.__name__
    assert "case c1 · simulation.model" in result.error.message
