"""A graph's memory lives from turn to turn, and never from attempt to attempt."""

import json
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.targets.graphs.memory import AttemptMemory
from eval_pipeline.targets.opening import open_target
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator, evaluated
from eval_pipeline_tests.targets.graphs import platform_graphs
from eval_pipeline_tests.targets.graphs.test_forms import HERE, a_target, answered, responses


def an_evaluator_of(name: str, **target: Any) -> CaseEvaluator:
    return an_evaluator(a_suite(Path(), target=a_target(name, **target)))


async def attempts_at(evaluator: CaseEvaluator, *messages: str, number: int = 2) -> list[list[str]]:
    case = a_case(turns=[{"user": text} for text in messages])
    results = [await evaluator.evaluate(attempt) for attempt in evaluator.attempts(case, number)]
    assert all(result.error is None for result in results), results[0].error
    return [responses(result) for result in results]


@pytest.mark.parametrize("name", ["stored_graph", "storeless_graph"])
async def test_each_attempt_has_a_store_of_its_own(name: str) -> None:
    assert await attempts_at(an_evaluator_of(name), "a", "b") == [["0 -", "1 -"], ["0 -", "1 -"]]


async def test_a_store_is_shared_where_the_suite_says_so() -> None:
    evaluator = an_evaluator_of("stored_graph", share=["store"])
    assert await attempts_at(evaluator, "a", "b") == [["0 -", "1 -"], ["2 -", "3 -"]]


async def test_a_new_store_embeds_as_the_graphs_own_does() -> None:
    assert await attempts_at(an_evaluator_of("embedded_graph"), "a") == [["scored True"]] * 2


async def test_the_whole_state_lives_from_turn_to_turn() -> None:
    assert await attempts_at(an_evaluator_of("files_graph"), "a", "b", "c") == [[" None", "a a", "a,b b"]] * 2


async def test_a_state_may_hold_what_cannot_be_written_down() -> None:
    assert await attempts_at(an_evaluator_of("holding_graph"), "a", "b") == [["nothing", "opaque"]] * 2


@pytest.mark.parametrize(("share", "calls"), [([], ["a", "a"]), (["cache"], ["a"])])
async def test_cached_nodes_are_run_in_each_attempt_unless_the_suite_shares_the_cache(
    share: list[str], calls: list[str]
) -> None:
    platform_graphs.calls.clear()
    await attempts_at(an_evaluator_of("cached_graph", share=share), "a")
    assert platform_graphs.calls == calls


async def test_a_graph_that_stops_before_its_end_does_not_pass() -> None:
    result = await evaluated(a_suite(Path(), target=a_target("stops_before")), a_case())
    assert result.status == "error"
    assert result.error is not None
    assert "the graph stopped before 'second'" in result.error.message


async def test_the_recursion_limit_is_the_suites_or_else_the_graphs_own_or_else_langgraphs() -> None:
    assert responses(await answered("sixty")) == ["after 60"]
    assert responses(await answered("sixty_of_fifty", recursion_limit=70)) == ["after 60"]
    result = await evaluated(a_suite(Path(), target=a_target("sixty_of_fifty")), a_case())
    assert result.error is not None
    assert "Recursion limit of 50" in result.error.message


async def test_a_callable_that_runs_a_graph_is_no_part_of_the_evaluators_graph() -> None:
    suite = a_suite(Path(), target={"kind": "python", "path": f"{HERE}:runs_a_graph"})
    result = await evaluated(suite, a_case())
    assert [turn.response for turn in result.turns] == ["['example_id'] 0 -"]


@pytest.mark.parametrize(("name", "expected"), [("files_graph", "a a"), ("stored_graph", "1 -")])
async def test_a_resumed_attempt_goes_on_with_state_and_store(name: str, expected: str) -> None:
    factory = open_target(a_suite(Path(), target=a_target(name)))
    first, second = (factory.open(a_case(), attempt=1, thread_id="t") for _ in range(2))
    await first.begin()
    await first.send("a")
    kept = json.loads(json.dumps(first.memory()))
    await first.close()
    await second.begin()
    second.restore(kept)
    assert (await second.send("b")).text == expected


async def test_a_callable_whose_graph_waits_for_a_human_does_not_pass() -> None:
    result = await evaluated(
        a_suite(Path(), target={"kind": "python", "path": f"{HERE}:runs_an_asking_graph"}), a_case()
    )
    assert result.error is not None
    assert "a graph that the target runs waits for a human" in result.error.message


async def test_what_a_node_changes_in_place_before_a_question_is_not_changed_twice() -> None:
    case = a_case(input="x", on_interrupt="go on")
    result = await evaluated(a_suite(Path(), target=a_target("changing_graph")), case)
    assert result.error is None, result.error.traceback
    assert result.turns[0].response == "['started', 'asked']"


async def test_only_the_newest_checkpoints_of_a_long_agent_are_kept() -> None:
    memory = AttemptMemory()
    graph = memory.given_to(platform_graphs.steps(200))
    await graph.ainvoke({"messages": [("human", "x")]}, {"configurable": {"thread_id": "t"}})
    state = await graph.aget_state({"configurable": {"thread_id": "t"}})
    assert state.values["n"] == 200
    assert len([each async for each in graph.aget_state_history({"configurable": {"thread_id": "t"}})]) <= 2
    saver = graph.checkpointer
    assert isinstance(saver, InMemorySaver)
    assert len(saver.blobs) < 20
    assert len(saver.writes) <= 2
