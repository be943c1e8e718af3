"""Calls, their arguments and handoffs are those of the runs that were made, with tracing on and off."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.shape.run import CompleteRun
from eval_pipeline_tests.building import a_case, a_suite, evaluated
from eval_pipeline_tests.tracing.traced import Kept, a_traced_evaluator, a_tracer

HERE = "eval_pipeline_tests.runs.calling_agents"
CALLED = ("tool_call", "delete_account", {"name": "ann"})


def graph(name: str) -> dict[str, Any]:
    return {"kind": "langgraph", "path": f"{HERE}:{name}"}


def function(name: str) -> dict[str, Any]:
    return {"kind": "python", "path": f"{HERE}:{name}"}


Evaluate = Callable[..., Any]


async def traced_attempt(target: Mapping[str, Any], case: Case) -> tuple[CaseResult, list[CompleteRun]]:
    sender = Kept()
    result = await a_traced_evaluator(Path(), target, a_tracer(sender)).evaluate(Attempt(case=case, number=1))
    return result, sender.runs


@pytest.fixture(params=["untraced", "traced"])
def attempt(request: pytest.FixtureRequest) -> Evaluate:
    async def evaluate(target: Mapping[str, Any], **fields: Any) -> CaseResult:
        case = a_case(**{"input": "ann", **fields})
        if request.param == "traced":
            result, _ = await traced_attempt(target, case)
        else:
            result = await evaluated(a_suite(Path(), target=target), case)
        assert result.error is None, result.error.traceback
        return result

    return evaluate


def happened(result: CaseResult) -> list[tuple[Any, ...]]:
    shown: dict[str, Callable[[Any], tuple[Any, ...]]] = {
        "tool_call": lambda event: (event["name"], event["args"]),
        "tool_result": lambda event: (event["name"], event["content"]),
        "handoff": lambda event: (event["from"], event["to"]),
    }
    events = result.turns[0].events
    return [(event["type"], *shown[event["type"]](event)) for event in events if event["type"] in shown]


@pytest.mark.parametrize(
    "target",
    [
        graph("hidden"),
        function("with_langchain_tool"),
        function("with_traceable"),
        function("with_wrapped_client"),
    ],
    ids=lambda target: str(target["path"]).rpartition(":")[2],
)
async def test_a_tool_that_ran_is_a_call_whatever_the_messages_say(
    attempt: Evaluate, target: Mapping[str, Any]
) -> None:
    checks = [
        {"type": "no_function_call", "value": "delete_account"},
        {"type": "contains_function_call", "value": "delete_account", "args": {"name": "ann"}},
    ]
    result = await attempt(target, assertions=checks)
    assert happened(result) == [CALLED, ("tool_result", "delete_account", "deleted ann")]
    assert [each.passed for each in result.assertions] == [False, True]


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        ({"type": "approve"}, [CALLED, ("tool_result", "delete_account", "deleted ann")]),
        (
            {"type": "edit", "edited_action": {"name": "delete_account", "args": {"name": "bob"}}},
            [("tool_call", "delete_account", {"name": "bob"}), ("tool_result", "delete_account", "deleted bob")],
        ),
        ({"type": "reject", "message": "no"}, []),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
async def test_a_call_is_what_ran_after_a_human_looked_at_it(
    attempt: Evaluate, decision: Mapping[str, Any], expected: list[Any]
) -> None:
    result = await attempt(graph("approved"), on_interrupt=[{"decisions": [decision]}])
    # LangChain tells the model in the result of an edited call that it was edited.
    last_lines = [(*event[:2], str(event[2]).splitlines()[-1]) for event in happened(result)]
    assert last_lines == [(*event[:2], str(event[2])) for event in expected]


@pytest.mark.parametrize(
    ("answer", "calls"), [("yes", 1), ("no", 0), ({"type": "reject"}, 0), (False, 0), ({"approved": False}, 0)]
)
async def test_a_call_that_a_human_declined_did_not_run(attempt: Evaluate, answer: Any, calls: int) -> None:
    result = await attempt(graph("declined_by_hand"), on_interrupt=[answer])
    assert len([event for event in happened(result) if event[0] == "tool_call"]) == calls


async def test_a_structured_answer_is_no_call(attempt: Evaluate) -> None:
    assert happened(await attempt(graph("structured"))) == []


async def test_a_command_is_a_handoff_between_agents_and_a_step_between_nodes(attempt: Evaluate) -> None:
    assert happened(await attempt(graph("agents"))) == [("handoff", "triage", "refund")]
    assert happened(await attempt(graph("workflow"))) == []


async def test_agents_inside_of_a_function_hand_off_as_well(attempt: Evaluate) -> None:
    assert happened(await attempt(function("with_graph"))) == [("handoff", "triage", "refund")]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("workflow", {}),
        ("structured", {}),
        ("declined_by_hand", {"on_interrupt": ["no"]}),
        ("approved", {"on_interrupt": [{"decisions": [{"type": "reject"}]}]}),
    ],
)
async def test_a_trace_has_no_runs_of_what_did_not_run(name: str, fields: Mapping[str, Any]) -> None:
    _, runs = await traced_attempt(graph(name), a_case(input="ann", **fields))
    assert "delete_account" not in [run["name"] for run in runs]
    assert not [run for run in runs if "reported_as_events" in run["extra"]["metadata"]]


async def test_a_tool_that_runs_an_agent_is_a_call_and_so_are_that_agents(attempt: Evaluate) -> None:
    expected = [("tool_call", "ask"), ("tool_call", "delete_account"), ("tool_result", "delete_account")]
    result = await attempt(graph("delegating"))
    assert [event[:2] for event in happened(result)] == [*expected, ("tool_result", "ask")]


async def test_a_call_that_a_middleware_kept_from_running_is_no_call(attempt: Evaluate) -> None:
    assert happened(await attempt(graph("limited"))) == [CALLED, ("tool_result", "delete_account", "deleted ann")]


async def test_a_step_of_a_workflow_that_goes_to_agents_hands_nothing_off(attempt: Evaluate) -> None:
    assert happened(await attempt(graph("dispatching"))) == []


async def test_messages_that_langgraph_streams_are_the_answer(attempt: Evaluate) -> None:
    result = await attempt(function("streaming"))
    assert result.turns[0].response == "done"
    assert [event[:2] for event in happened(result)] == [
        ("tool_call", "delete_account"),
        ("tool_result", "delete_account"),
    ]


async def test_runs_of_the_openai_agents_sdk_show_calls_and_handoffs_and_no_guardrails(attempt: Evaluate) -> None:
    called = [CALLED, ("tool_result", "delete_account", "deleted ann")]
    assert happened(await attempt(function("with_agents_sdk"))) == [("handoff", "triage", "accounts"), *called]


async def test_tokens_of_a_model_that_is_not_traced_are_in_the_trace_and_nothing_else_is_built() -> None:
    _, runs = await traced_attempt(graph("by_hand"), a_case(input="ann"))
    (model,) = [run for run in runs if "reported_as_events" in run["extra"]["metadata"]]
    assert (model["run_type"], model["extra"]["metadata"]["usage_metadata"]["total_tokens"]) == ("llm", 5)
    assert [run["name"] for run in runs].count("target") == 1
