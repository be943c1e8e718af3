"""Limits of an attempt: what reaches one is scored on what it has, with a status of its own."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from eval_pipeline.analysis.case_values import why_not_passed
from eval_pipeline.analysis.summary import summary_of
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.result_row import result_of_row, row_of
from eval_pipeline_tests.analysis.rows import a_table
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator, evaluated
from eval_pipeline_tests.evaluation import limited_agents

AGENTS = limited_agents.__name__


@pytest.fixture(autouse=True)
def made() -> list[str]:
    limited_agents.MADE.clear()
    return limited_agents.MADE


async def limited(folder: Path, agent: str, limits: dict[str, Any], *, graph: bool = False, **case: Any) -> CaseResult:
    target = {"kind": "langgraph" if graph else "python", "path": f"{AGENTS}:{agent}"}
    asserted = [{"type": "no_function_call", "value": "delete"}]
    suite = a_suite(folder, target=target, limits=limits, assertions=asserted)
    return await evaluated(suite, a_case(**case))


def called(result: CaseResult, kind: str = "tool_call") -> int:
    return sum(event["type"] == kind for turn in result.turns for event in turn.events)


async def test_an_agent_in_a_loop_ends_at_the_limit_of_its_calls_and_is_scored(folder: Path, made: list[str]) -> None:
    result = await limited(folder, "varied", {"tool_calls": 3}, graph=True)
    assert (result.status, result.error, result.score) == ("limit", None, 1.0)
    assert result.limit == "tool_calls: 4, at most 3"
    assert sum(each.startswith("search") for each in made) == 3
    assert [each.passed for each in result.assertions] == [True]
    assert called(result) >= 3


async def test_a_limit_of_model_calls_is_kept_exactly_and_says_what_the_loop_cost(
    folder: Path, made: list[str]
) -> None:
    result = await limited(folder, "varied", {"model_calls": 4}, graph=True)
    assert (result.status, result.limit, made.count("model")) == ("limit", "model_calls: 5, at most 4", 4)
    assert (result.usage.target.calls, result.tokens.input) == (4, 400)
    assert result.cost_usd is not None
    ended = summary_of(a_table([result]), suite="s", experiment="e").limits["model_calls"]
    assert (ended.attempts, ended.cost_usd) == (1, result.cost_usd)


@pytest.mark.parametrize(("limits", "calls"), [({"tokens": 300}, 3), ({"cost_usd": 0.0005}, 2)])
async def test_no_model_is_called_beyond_a_limit_of_tokens_or_dollars(
    folder: Path, made: list[str], limits: dict[str, Any], calls: int
) -> None:
    result = await limited(folder, "varied", limits, graph=True)
    assert (result.status, made.count("model")) == ("limit", calls)
    assert (result.limit or "").startswith(next(iter(limits)))


async def test_the_same_call_again_and_again_is_a_loop(folder: Path, made: list[str]) -> None:
    result = await limited(folder, "looping", {"repeats": 2}, graph=True)
    assert (result.status, made.count("search again")) == ("limit", 2)
    assert "again" in (result.limit or "")
    other = await limited(folder, "varied", {"repeats": 2, "tool_calls": 5}, graph=True)
    assert (other.limit or "").startswith("tool_calls")


async def test_the_attempt_of_an_agent_in_a_thread_that_catches_everything_ends_too(folder: Path) -> None:
    result = await limited(folder, "plain_loop", {"tool_calls": 3})
    assert (result.status, result.limit) == ("limit", "tool_calls: 4, at most 3")
    repeated = await limited(folder, "plain_loop", {"repeats": 3}, input="again")
    assert (repeated.limit or "").partition(":")[0] == "repeats"


async def test_what_only_events_show_counts_when_the_turn_has_ended(folder: Path) -> None:
    result = await limited(folder, "reporting", {"tool_calls": 4}, turns=[{"input": "a"}, {"input": "b"}])
    assert (result.status, result.limit, len(result.turns)) == ("limit", "tool_calls: 5, at most 4", 1)
    assert result.turns[0].response == "a"
    within = await limited(folder, "reporting", {"tool_calls": 5})
    assert (within.status, within.limit) == ("passed", None)


async def test_the_targets_own_seconds_are_limited(folder: Path) -> None:
    result = await limited(folder, "slow", {"seconds": 0.05})
    assert (result.status, result.error) == ("limit", None)
    assert (result.limit or "").startswith("seconds: ")


async def test_no_turn_begins_beyond_the_limit_of_turns(folder: Path, made: list[str]) -> None:
    turns = [{"input": text} for text in "abc"]
    turns[2]["assertions"] = [{"type": "contains", "value": "c"}]  # type: ignore[assignment]
    result = await limited(folder, "echo", {"turns": 2}, turns=turns)
    assert (result.status, made) == ("limit", ["a", "b"])
    assert [each.passed for each in result.assertions] == [False, True]
    exactly = await limited(folder, "echo", {"turns": 3}, turns=turns)
    assert (exactly.status, exactly.limit) == ("passed", None)


async def test_within_its_limits_an_attempt_is_as_without(folder: Path) -> None:
    limits = {"seconds": 60, "turns": 5, "model_calls": 5, "tool_calls": 5, "tokens": 500, "cost_usd": 1, "repeats": 3}
    result = await limited(folder, "echo", limits)
    assert (result.status, result.limit) == ("passed", None)


async def test_the_limit_is_stored_and_is_why_the_attempt_did_not_pass(folder: Path) -> None:
    result = await limited(folder, "reporting", {"tool_calls": 1})
    row = row_of(result)
    assert result_of_row(row).limit == result.limit
    assert why_not_passed(row) == "a limit was reached: tool_calls: 5, at most 1"


def test_limits_are_in_the_fingerprint_of_an_answer(folder: Path) -> None:
    def fingerprint(**limits: Any) -> str:
        return an_evaluator(a_suite(folder, limits=limits)).answer_fingerprint(a_case())

    assert len({fingerprint(), fingerprint(turns=2), fingerprint(turns=3)}) == 3


@pytest.mark.parametrize("limits", [{"turns": 0}, {"repeats": 0}, {"seconds": 0}, {"second": 1}])
def test_limits_that_cannot_be_meant_are_refused(folder: Path, limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_suite(folder, limits=limits)
