"""A deployed graph gets the verdicts that it gets in this process, event by event."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import StateGraph

from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.import_path import resolve
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator, evaluated
from eval_pipeline_tests.langgraph_server import LangGraphServer, langgraph_server
from eval_pipeline_tests.targets.graphs import platform_graphs
from eval_pipeline_tests.test_examples import EXAMPLES

DEPLOYED = {
    "rag_documents": "graph",
    "two_inputs": "graph",
    "email_assistant": "email_assistant",
    "supervisor": "graph",
    "swarm": "app",
    "agent_middleware": "agent",
}
_OWN = {"id", "ids", "response_metadata", "additional_kwargs", "example", "artifact", "name", "type"}


@pytest.fixture(scope="module")
def server() -> Iterator[LangGraphServer]:
    graphs = {}
    for folder, name in DEPLOYED.items():
        graph = resolve(f"agent.py:{name}", folder=EXAMPLES / folder)
        graphs[folder] = graph.compile() if isinstance(graph, StateGraph) else graph
    with langgraph_server(graphs) as running:
        yield running


def comparable(value: Any) -> Any:
    """A value without ids, and without fields that one serializer writes and another leaves out."""
    if isinstance(value, Mapping):
        kept = {name: comparable(item) for name, item in value.items() if name not in _OWN}
        return {name: item for name, item in kept.items() if item not in (None, [], {}, False, "")}
    return [comparable(item) for item in value] if isinstance(value, list | tuple) else value


async def evaluated_all(folder: Path, **target: Any) -> list[Any]:
    suite, cases, problems = check_suite(folder)
    assert (suite is not None, problems) == (True, [])
    assert suite is not None
    if target:
        kept = {"output_key", "context", "configurable"}
        own = {name: value for name, value in suite.spec.target.model_dump().items() if name in kept and value}
        spec = suite.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"target": {**own, **target}}
        suite = type(suite)(spec=type(suite.spec).model_validate(spec), folder=folder)
    evaluator = an_evaluator(suite)
    verdicts = []
    for case in cases:
        (attempt,) = evaluator.attempts(case, 1)
        result = await evaluator.evaluate(attempt)
        turns = [
            {
                "response": turn.response,
                "outputs": comparable(turn.outputs),
                "events": [
                    (event["type"], event.get("name"), event.get("args"), event.get("from"), event.get("to"))
                    for event in turn.events
                    if event["type"] not in ("usage", "retrieval")  # runs of retrievers stay in the deployment
                ],
            }
            for turn in result.turns
        ]
        error = None if result.error is None else result.error.message
        scores = [(each.name, each.passed, each.score) for each in result.assertions]
        verdicts.append((case.id, result.status, error, scores, turns))
    return verdicts


@pytest.mark.parametrize("folder", DEPLOYED)
async def test_verdicts_and_events_are_those_of_this_process(folder: str, server: LangGraphServer) -> None:
    here = await evaluated_all(EXAMPLES / folder)
    deployed = await evaluated_all(EXAMPLES / folder, kind="remote", url=server.url, graph=folder)
    for one, other in zip(here, deployed, strict=True):
        assert other == one


async def test_a_deployed_graph_that_stops_before_its_end_does_not_pass_unless_the_case_lets_it_go_on() -> None:
    with langgraph_server({"stops": platform_graphs.stops_before}) as running:
        suite = a_suite(Path(), target={"kind": "remote", "url": running.url, "graph": "stops"})
        stopped = await evaluated(suite, a_case())
        went_on = await evaluated(suite, a_case(on_interrupt="go on"))
    assert stopped.error is not None
    assert "the graph stopped before 'second'" in stopped.error.message
    assert went_on.error is None, went_on.error.traceback
    assert went_on.turns[0].response == "second"
