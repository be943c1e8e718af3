"""Events of agents without LangChain in the traces of their cases: chain, model calls, tools; nothing twice."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.tracing.shape.run import CompleteRun
from eval_pipeline_tests.building import a_case, evaluated
from eval_pipeline_tests.building import a_suite as suite_of
from eval_pipeline_tests.tracing.traced import AGENT, Kept, a_traced_evaluator, a_tracer, rules_broken, tree

AGENTS = "eval_pipeline_tests.tracing.reporting_agents"


def agent(name: str) -> dict[str, str]:
    return {"kind": "python", "path": f"{AGENTS}:{name}"}


async def runs_of(
    folder: Path, target: Mapping[str, Any], **case: Any
) -> tuple[dict[str, CompleteRun], list[str], CaseResult]:
    sender = Kept()
    evaluator = a_traced_evaluator(folder, target, a_tracer(sender))
    inputs = {} if "recordings" in case else {"input": "where is it?"}
    result = await evaluator.evaluate(Attempt(case=a_case("tea", **inputs, **case), number=1))
    assert rules_broken(sender.runs) == []
    assert sender.runs[0]["name"] == "tea"
    found: dict[str, CompleteRun] = {}
    for run in sender.runs:
        name = run["name"] if run["name"] not in found else f"{run['name']} again"
        found[name] = run
    return found, [line[4:] for line in tree(sender.runs)[2:]], result


NESTED = ["take_turn", "  target", "    acme:agent-1", "      find_order", "    acme:agent-1"]


@pytest.mark.parametrize("name", ["afterwards", "as_it_goes"])
async def test_what_an_agent_tells_becomes_chain_model_and_tool_runs(folder: Path, name: str) -> None:
    runs, shape, _ = await runs_of(folder, agent(name))

    assert shape == NESTED
    chain, model, tool, again = (runs[name] for name in ("target", "acme:agent-1", "find_order", "acme:agent-1 again"))
    assert [run["run_type"] for run in (chain, model, tool, again)] == ["chain", "llm", "tool", "llm"]
    assert (chain["inputs"], chain["outputs"]) == (
        {"message": "where is it?"},
        {"response": "shipped: where is it?"},
    )
    assert (tool["inputs"], tool["outputs"], tool["error"]) == ({"order": "A-1"}, {"output": "shipped"}, None)
    metadata = model["extra"]["metadata"]
    assert (metadata["ls_provider"], metadata["ls_model_name"]) == ("acme", "agent-1")
    assert metadata["usage_metadata"]["total_tokens"] == 12
    assert metadata["usage_metadata"]["total_cost"] == 0.5
    assert again["extra"]["metadata"]["usage_metadata"]["input_token_details"] == {"cache_read": 8}
    (asked,) = model["outputs"]["messages"]
    assert asked["tool_calls"] == [{"id": "1", "name": "find_order", "args": {"order": "A-1"}}]
    assert [message["role"] for message in again["inputs"]["messages"]] == ["user", "assistant", "tool"]
    assert again["outputs"]["messages"] == [{"role": "assistant", "content": "shipped: where is it?"}]


async def test_times_are_those_at_which_events_were_reported(folder: Path) -> None:
    runs, _, _ = await runs_of(folder, agent("as_it_goes"))

    model, tool, again = (runs[name] for name in ("acme:agent-1", "find_order", "acme:agent-1 again"))
    for run in (model, tool, again):
        assert (run["end_time"] - run["start_time"]).total_seconds() >= 0.02
        assert "time_not_reported" not in run["extra"]["metadata"]
    assert model["end_time"] <= tool["start_time"]
    assert tool["end_time"] <= again["start_time"]
    assert again["end_time"] <= runs["target"]["end_time"] <= runs["take_turn"]["end_time"]


async def test_of_events_reported_afterwards_only_the_order_is_known_and_marked_so(folder: Path) -> None:
    runs, _, _ = await runs_of(folder, agent("afterwards"))

    assert all(
        run["extra"]["metadata"]["time_not_reported"]
        for name, run in runs.items()
        if name in ("acme:agent-1", "find_order", "acme:agent-1 again")
    )


async def test_what_is_emitted_counts_for_the_result_and_its_trace(folder: Path) -> None:
    checks = [{"type": "contains_function_call", "value": "find_order"}, {"type": "handoff_to", "value": "orders"}]
    runs, shape, result = await runs_of(folder, agent("emitting"), assertions=checks)

    assert result.status == "passed"
    assert result.tokens.input == 30
    assert shape[1:] == ["  target", "    acme:agent-1", "    orders", "      acme:agent-1", "        find_order"]
    assert runs["orders"]["inputs"] == {"handed_over_by": "triage"}
    assert runs["target"]["extra"]["metadata"]["events_dropped"] == 2
    types = [event["type"] for event in result.turns[0].events]
    assert types == ["usage", "handoff", "usage", "tool_call", "tool_result"]


async def test_emitted_events_are_reported_live_and_once(folder: Path) -> None:
    heard: list[Mapping[str, Any]] = []

    await evaluated(suite_of(folder, target=agent("emitting")), a_case("tea"), listener=heard.append)

    reported = [event["type"] for event in heard if event["event"] == "turn_event"]
    assert reported == ["usage", "handoff", "usage", "tool_call", "tool_result"]


async def test_a_tool_that_breaks_says_so_and_so_does_the_turn(folder: Path) -> None:
    runs, shape, result = await runs_of(folder, agent("breaking"))

    assert result.status == "error"
    assert shape == ["take_turn", "  target", "    acme:agent-1", "      guess", "      find_order"]
    assert (runs["guess"]["error"], runs["guess"]["outputs"]) == ("NoLuck", {"output": "no luck"})
    assert runs["find_order"]["error"] == "LookupError: no order in where is it?"
    assert runs["target"]["error"] == runs["find_order"]["error"]


async def test_an_agents_own_turns_are_its_chains_and_nest(folder: Path) -> None:
    runs, shape, result = await runs_of(folder, agent("own_turns"))

    assert shape == [
        "take_turn",
        "  support",
        "    acme:agent-1",
        "      find_order",
        "        researcher",
        "          acme:agent-1",
    ]
    assert runs["researcher"]["outputs"] == {"output": "it is shipped"}
    assert result.tokens.input == 30


async def test_an_agent_that_reports_nothing_has_no_further_runs(folder: Path) -> None:
    assert (await runs_of(folder, agent("silent")))[1] == ["take_turn"]


async def test_a_recording_is_shown_as_what_was_done_then(folder: Path) -> None:
    messages = [
        {"role": "user", "content": "where is it?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "7", "function": {"name": "find_order", "arguments": '{"order": "A-1"}'}}],
        },
        {"role": "tool", "tool_call_id": "7", "content": "shipped"},
        {"role": "assistant", "content": "It is shipped."},
    ]
    runs, shape, _ = await runs_of(folder, {"kind": "recorded"}, recordings=[{"messages": messages}])

    assert shape == ["take_turn", "  target", "    find_order"]
    assert runs["find_order"]["outputs"] == {"output": "shipped"}


@pytest.mark.parametrize("target", [AGENT, agent("around_langchain")], ids=["graph", "graph in a function"])
async def test_nothing_is_there_twice_where_langchain_traces(folder: Path, target: Mapping[str, Any]) -> None:
    runs, shape, result = await runs_of(folder, target)

    assert [line.strip() for line in shape].count("ToolModel") == 2
    assert [line.strip() for line in shape].count("price") == 1
    assert not [run for run in runs.values() if "reported_as_events" in run["extra"]["metadata"]]
    assert {event["type"] for event in result.turns[0].events} == {"retrieval", "tool_call", "tool_result", "usage"}
