"""A cooperating deployment's runs are in the case's trace, below the turn that asked it."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, MessagesState, StateGraph
from langsmith import Client, RunTree, traceable, tracing_context

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.shape.case_trace import CaseTracer
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator
from eval_pipeline_tests.langgraph_server import langgraph_server
from eval_pipeline_tests.recorder.frames import a_client
from eval_pipeline_tests.tracing.traced import AnExperiment, traced, tree


@pytest.fixture
def client(server: RecorderServer) -> Iterator[Client]:
    opened = a_client(server)
    yield opened
    opened.close()


def a_deployment(client: Client) -> Any:
    """A graph that continues the trace of its caller, as LangGraph's documentation shows it."""

    @traceable(run_type="tool")
    def looked_up(key: str) -> str:
        return f"{key}: 4.20"

    @traceable(name="deployed agent")
    def answered(text: str) -> str:
        return looked_up(text)

    def node(state: Any, config: RunnableConfig) -> Any:
        given = config["configurable"]
        project = given["langsmith-project"]
        parent = RunTree.from_headers(
            {"langsmith-trace": given["langsmith-trace"]}, ls_client=client, project_name=project
        )
        with tracing_context(parent=parent, project_name=project, client=client, enabled=True):
            return {"messages": [AIMessage(answered(str(state["messages"][-1].content)))]}

    return StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile()


def test_the_runs_of_a_deployment_are_below_the_turn(
    server: RecorderServer, client: Client, make_settings: Callable[..., LangSmithSettings], folder: Path
) -> None:
    with langgraph_server({"agent": a_deployment(client)}) as deployed:
        target = {"kind": "remote", "url": deployed.url, "graph": "agent", "joins_trace": True}
        sender = SpoolingSender(make_settings())
        tracer = CaseTracer(experiment=AnExperiment(), sender=sender)
        evaluator = traced(an_evaluator(a_suite(folder, target=target)), tracer)
        case = a_case("tea", turns=[{"input": "tea"}, {"input": "milk"}])
        result = asyncio.run(evaluator.evaluate(Attempt(case=case, number=1)))
    assert result.error is None, result.error.traceback
    assert [turn.response for turn in result.turns] == ["tea: 4.20", "milk: 4.20"]
    client.flush()
    sender.close()
    runs = server.recorder.runs.of_trace(str(result.trace_id))
    turn = ["    take_turn", "      deployed agent", "        looked_up"]
    assert tree(runs) == ["tea", "  evaluate_case", *turn, *turn]
    by_id = {run["id"]: run for run in runs}
    for run in runs:
        if run["parent_run_id"] is not None:  # the parent is there, and is the one of the order
            parent = by_id[run["parent_run_id"]]
            assert run["dotted_order"].rpartition(".")[0] == parent["dotted_order"]
