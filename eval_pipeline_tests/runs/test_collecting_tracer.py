"""The faster path for chains collects what LangChain's own tracer would have sent."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, TypedDict

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langchain_core.tools import tool
from langchain_core.tracers import LangChainTracer
from langgraph.graph import END, START, StateGraph
from langsmith import RunTree, get_current_run_tree, traceable, tracing_context

from eval_pipeline.runs import collecting_client
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.collecting_client import CollectingClient
from eval_pipeline.runs.collecting_tracer import CollectingTracer


class State(TypedDict, total=False):
    asked: str
    answer: str


@traceable(run_type="retriever")
def search(query: str) -> list[str]:
    return [query, shout.invoke(query)]


shout = RunnableLambda(str.upper).with_config(run_name="shout", tags=["loud"], metadata={"volume": 11})


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def breaks(_: Any) -> str:
    raise LookupError("nothing there")


@traceable
def reports_itself(state: State) -> dict[str, str]:
    return {"answer": state["asked"]}


async def node(state: State) -> dict[str, str]:
    current = get_current_run_tree()
    assert current is not None
    current.add_metadata({"noted": "by the node"})
    current.add_tags(["noted"])
    documents = search(state["asked"])
    with contextlib.suppress(LookupError):
        RunnableLambda(breaks).with_config(run_name="breaks").invoke("x")
    with tracing_context(enabled=False):
        shout.invoke("not traced")
    add.invoke({"a": 1, "b": len(documents)})
    reply = await FakeListChatModel(responses=["four"]).ainvoke(state["asked"])
    pieces = RunnableGenerator(_pieces).with_config(run_name="pieces").transform(iter(["a", "b"]))
    return {"answer": f"{reply.content} {''.join(pieces)}"}


def overrides(state: State) -> dict[str, str]:
    current = get_current_run_tree()
    assert current is not None
    current.set(inputs={"asked": "something else"}, outputs={"answer": "something else"})
    return {"answer": state["answer"]}


def _pieces(given: Iterator[str]) -> Iterator[str]:
    yield from given


def an_agent() -> Any:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_node("overrides", overrides)
    graph.add_node("reports_itself", reports_itself)
    graph.add_edge(START, "node")
    graph.add_edge("node", "overrides")
    graph.add_edge("overrides", "reports_itself")
    graph.add_edge("reports_itself", END)
    return graph.compile()


def collected(tracer: type[LangChainTracer], monkeypatch: pytest.MonkeyPatch) -> list[CollectedRun]:
    monkeypatch.setattr(collecting_client, "CollectingTracer", tracer)
    client = CollectingClient()
    root = RunTree(name="root", ls_client=client, session_name="p", replicas=[])

    async def run() -> None:
        with client.collecting(root):
            await an_agent().ainvoke({"asked": "how many?"}, {"metadata": {"thread": "t"}, "tags": ["asked"]})

    asyncio.run(run())
    assert client.strays == 0
    return client.take(root)


def shown(runs: list[CollectedRun]) -> list[dict[str, Any]]:
    """What does not differ from one run of the same program to the next."""
    names = {run.id: run.name for run in runs}
    return [
        {
            "name": run.name,
            "path": [names.get(parent, "root") for parent in run.parent_ids],
            "run_type": run.run_type,
            "inputs": run.inputs,
            "outputs": run.outputs if run.run_type != "llm" else None,  # the answer's id is drawn
            "error": (run.error or "").partition("\n")[0].partition("Traceback")[0],
            "tags": sorted(run.tags),
            "metadata": {
                key: value
                for key, value in run.extra.get("metadata", {}).items()
                # With the ids of tasks in them, and versions of what traces.
                if key not in {"langgraph_checkpoint_ns", "checkpoint_ns", "lc_versions"}
            },
            "ended": run.end_time is not None,
        }
        for run in runs
    ]


def test_it_is_collected_what_langchains_own_tracer_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    own = shown(collected(LangChainTracer, monkeypatch))
    short = shown(collected(CollectingTracer, monkeypatch))

    assert [run["name"] for run in short].count("shout") == 1  # the other one was not to be traced
    assert short == own


def test_what_a_chain_does_to_its_inputs_is_not_shown_as_what_it_was_given() -> None:
    def removes_its_input(given: dict[str, Any]) -> str:
        return str(given.pop("asked"))

    client = CollectingClient()
    root = RunTree(name="root", ls_client=client, session_name="p", replicas=[])
    with client.collecting(root):
        RunnableLambda(removes_its_input).invoke({"asked": "x"})

    (run,) = client.take(root)
    assert run.inputs == b'{"asked":"x"}'
