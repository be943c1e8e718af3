"""Graphs in every form that `langgraph dev` takes, and graphs that remember."""

import asyncio
import contextlib
import operator
import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.runnables.config import ensure_config
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.memory import InMemoryStore
from langgraph.types import CachePolicy, Command, interrupt
from langgraph_sdk.runtime import ServerRuntime

calls: list[str] = []
"""What was called, for the tests."""


def node(state: Any) -> Any:
    """Count the human's messages."""
    return {"messages": [AIMessage(f"ok {len([m for m in state['messages'] if m.type == 'human'])}")]}


builder = StateGraph(MessagesState).add_node("node", node).add_edge(START, "node")
compiled = builder.compile()
configured = compiled.with_config({"configurable": {"x": 1}, "recursion_limit": 200})
sequence = compiled | RunnableLambda(lambda state: state)


def make() -> Any:
    """A factory."""
    calls.append("make")
    return builder.compile()


def make_uncompiled(config: RunnableConfig) -> Any:
    """A factory that leaves compiling to its caller."""
    calls.append(config["configurable"]["thread_id"])
    return builder


def make_of(anything: Any, /) -> Any:
    """A factory whose only parameter is the config, by whatever name."""
    assert "configurable" in anything
    return builder.compile()


async def make_async(config: RunnableConfig) -> Any:
    """An async factory."""
    assert "configurable" in config
    return builder.compile()


async def make_in_runtime(config: "RunnableConfig", served: "ServerRuntime[dict[str, Any]]") -> Any:
    """An async factory that looks at both."""
    assert served.execution_runtime is not None
    assert served.access_context == "threads.create_run"
    await served.store.aput(("made",), "by", {"factory": config["configurable"]["case_id"]})
    return stored_graph


@contextlib.asynccontextmanager
async def make_managed(config: RunnableConfig) -> AsyncIterator[Any]:
    """A factory that holds something open while the attempt lasts."""
    del config
    calls.append("opened")
    owner = asyncio.current_task()
    yield builder.compile()
    assert asyncio.current_task() is owner  # as MCP's clients require
    calls.append("closed")


@contextlib.contextmanager
def make_entered() -> Iterator[Any]:
    """The same, without async."""
    calls.append("opened")
    yield builder.compile()
    calls.append("closed")


def make_in_loop() -> Any:
    """A factory that needs the running loop, as LangGraph's async checkpointers do."""
    asyncio.get_running_loop()
    return builder.compile()


def make_slowly() -> Any:
    """A factory that takes its time."""
    time.sleep(0.2)
    return builder.compile()


def make_with(*, answer: str, times: int = 1) -> Any:
    """A factory with options."""
    return one(lambda _: {"messages": [AIMessage(answer * times)]})


class Factory:
    """A callable object."""

    def __call__(self, config: RunnableConfig) -> Any:
        """A graph."""
        del config
        return builder.compile()


factory = Factory()


def boom() -> Any:
    """A factory that cannot."""
    message = "no key"
    raise RuntimeError(message)


def generates() -> Any:
    """A factory that lacks its decorator."""
    yield compiled


@entrypoint()
def functional(inputs: dict[str, Any]) -> dict[str, Any]:
    """An entrypoint."""
    return {"messages": [*inputs["messages"], AIMessage("ok 1")]}


def one(run: Any, schema: Any = MessagesState, **compiling: Any) -> Any:
    """A graph of one node."""
    builder = StateGraph(schema).add_node("node", run).add_edge(START, "node").add_edge("node", END)
    return builder.compile(**compiling)


def noting(state: Any, runtime: Runtime[Any]) -> Any:
    """Answer with how much the store holds, and put something more there."""
    assert runtime.store is not None
    items = runtime.store.search(("notes",))
    runtime.store.put(("notes",), f"{len(items)}", {"text": state["messages"][-1].content})
    item = runtime.store.get(("made",), "by")
    return {"messages": [AIMessage(f"{len(items)} {item.value['factory'] if item else '-'}")]}


stored_graph = one(noting, store=InMemoryStore())
storeless_graph = one(noting)


def searching(state: Any, runtime: Runtime[Any]) -> Any:
    """Search by meaning."""
    assert runtime.store is not None
    runtime.store.put(("notes",), "a", {"text": "tea"})
    (item,) = runtime.store.search(("notes",), query=state["messages"][-1].content)
    return {"messages": [AIMessage(f"scored {item.score is not None}")]}


embedded_graph = one(
    searching, store=InMemoryStore(index={"dims": 8, "embed": DeterministicFakeEmbedding(size=8), "fields": ["text"]})
)


class Files(MessagesState):
    """A state with more than messages, as deepagents' and swarms' have."""

    files: Annotated[list[str], operator.add]
    active: str


def filing(state: Any) -> Any:
    """Answer with what earlier turns left."""
    answer = f"{','.join(state.get('files') or [])} {state.get('active')}"
    name = state["messages"][-1].content
    return {"messages": [AIMessage(answer)], "files": [name], "active": name}


files_graph = one(filing, Files)


class Opaque:
    """What cannot be written down."""

    def __init__(self) -> None:
        """With a function inside."""
        self.run = lambda: "opaque"


class Holding(MessagesState):
    """A state with such an object."""

    held: Any


def holding(state: Any) -> Any:
    """Keep an object in the state from the first turn on."""
    return {"messages": [AIMessage(state["held"].run() if state.get("held") else "nothing")], "held": Opaque()}


holding_graph = one(holding, Holding)


def counting(state: Any) -> Any:
    """Note the call."""
    calls.append(state["messages"][-1].content)
    return {"messages": [AIMessage("done")]}


cached_graph = (
    StateGraph(MessagesState)
    .add_node("node", counting, cache_policy=CachePolicy(key_func=lambda _: b"same"))
    .add_edge(START, "node")
    .compile(cache=InMemoryCache())
)

stops_before = (
    StateGraph(MessagesState)
    .add_node("first", lambda _: {"messages": [AIMessage("first")]})
    .add_node("second", lambda _: {"messages": [AIMessage("second")]})
    .add_edge(START, "first")
    .add_edge("first", "second")
    .compile(interrupt_before=["second"], checkpointer=InMemorySaver())
)


class Steps(MessagesState):
    """Counts its steps."""

    n: int


def steps(most: int) -> Any:
    """A graph that ends after that many steps."""
    builder = StateGraph(Steps).add_node("step", lambda state: {"n": state.get("n", 0) + 1})
    builder.add_node("done", lambda state: {"messages": [AIMessage(f"after {state['n']}")]})
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", lambda state: "done" if state["n"] >= most else "step", ["done", "step"])
    return builder.compile()


sixty = steps(60)
sixty_of_fifty = sixty.with_config({"recursion_limit": 50})


def going(state: Any) -> Any:
    """Answer with a command, as a node may."""
    return Command(update={"messages": [AIMessage(f"went from {state['messages'][-1].content}")]}, goto="node")


two_nodes = (
    StateGraph(MessagesState)
    .add_node("go", going, destinations=("node",))
    .add_node("node", node)
    .add_edge(START, "go")
    .compile()
)


def asking(state: Any) -> Any:
    """Ask a human."""
    del state
    return {"messages": [AIMessage(interrupt("sure?"))]}


class Log(MessagesState):
    """A state with a list that nodes change in place."""

    log: list[str]


def asking_and_noting(state: Any) -> Any:
    """Change the list, then ask: the node is run again with the answer."""
    state["log"].append("asked")
    interrupt("sure?")
    return {"messages": [AIMessage(str(state["log"]))], "log": state["log"]}


changing_graph = (
    StateGraph(Log)
    .add_node("start", lambda _: {"log": ["started"]})
    .add_node("ask", asking_and_noting)
    .add_edge(START, "start")
    .add_edge("start", "ask")
    .compile()
)
asking_sequence = one(asking) | RunnableLambda(lambda state: state)


def runs_a_graph(message: str) -> str:
    """A callable that runs a graph with a store of its own."""
    graph = one(noting, store=InMemoryStore())
    answer = graph.invoke({"messages": [("human", message)]})["messages"][-1].content
    return f"{[*ensure_config()['configurable']]} {answer}"


def runs_an_asking_graph(message: str) -> Any:
    """A callable that returns the state of a graph that asks a human."""
    return one(asking, checkpointer=InMemorySaver()).invoke(
        {"messages": [("human", message)]}, {"configurable": {"thread_id": "1"}}
    )
