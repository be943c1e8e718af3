"""Every run of an attempt refers to its example and its shared context."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.runnables.config import ensure_config
from langgraph.graph import START, MessagesState, StateGraph

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.building import a_case, a_context, a_suite, an_evaluator, evaluated
from eval_pipeline_tests.langgraph_server import langgraph_server
from eval_pipeline_tests.tracing.traced import AnExperiment, Kept, a_tracer, traced


def ids_of(config: Mapping[str, Any]) -> str:
    """What `configurable` and `metadata` hold of them."""
    places = (config.get("configurable") or {}, config.get("metadata") or {})
    return " ".join(str(place.get(name)) for place in places for name in ("example_id", "shared_ctx_id"))


def node(state: Any, config: RunnableConfig) -> Any:
    """Answer with the ids."""
    del state
    return {"messages": [AIMessage(ids_of(config))]}


graph = StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile()


def calls_a_runnable(message: str) -> str:
    """The ids that a runnable finds, which a callable runs."""
    finding: Any = RunnableLambda(lambda _: ids_of(ensure_config()))
    return str(finding.invoke(message))


async def test_a_graph_here_and_deployed_and_runnables_of_a_callable_find_the_ids(folder: Path, tmp_path: Path) -> None:
    (folder / "a.csv").write_text("id,n\nx,1\n")
    with langgraph_server({"graph": graph}) as server:
        for target in (
            {"kind": "langgraph", "path": f"{__name__}:graph"},
            {"kind": "python", "path": f"{__name__}:calls_a_runnable"},
            {"kind": "remote", "url": server.url, "graph": "graph"},
        ):
            suite = a_suite(folder, target=target, context={"tables": {"a": {"file": "a.csv"}}})
            context = a_context(suite, LocalStore(tmp_path / "store"))
            result = await evaluated(suite, a_case(), context=context)
            assert result.error is None, result.error.traceback
            assert result.turns[0].response == " ".join(["c1", context.id] * 2), target


async def test_in_a_trace_the_example_is_the_servers(folder: Path) -> None:
    sender = Kept()
    suite = a_suite(folder, target={"kind": "langgraph", "path": f"{__name__}:graph"})
    result = await traced(an_evaluator(suite), a_tracer(sender)).evaluate(Attempt(case=a_case(), number=1))
    example_id = str(AnExperiment().example_id("c1"))
    assert result.turns[0].response == f"{example_id} None {example_id} None"
    assert {run["extra"]["metadata"]["example_id"] for run in sender.runs} == {example_id}
