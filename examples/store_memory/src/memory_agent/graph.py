"""A graph that keeps what users say of themselves in a store, across threads."""

import os
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.runtime import Runtime

from memory_agent.names import namespace


@dataclass
class Context:
    """Who talks."""

    user_id: str


def remember(state: MessagesState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Keep what begins with "I", and answer with all that is kept."""
    assert runtime.store is not None
    text, place = str(state["messages"][-1].content), namespace(runtime.context.user_id)
    kept = [item.value["text"] for item in runtime.store.search(place)]
    if text.startswith("I "):
        runtime.store.put(place, str(len(kept)), {"text": text})
        kept.append(text)
    return {"messages": [AIMessage(f"{os.environ['MEMORY_GREETING']}! I know: {'; '.join(kept) or 'nothing'}")]}


async def make_graph(config: RunnableConfig) -> StateGraph[MessagesState, Context, MessagesState, MessagesState]:
    """Build the graph, as `langgraph dev` calls it."""
    del config
    return StateGraph(MessagesState, context_schema=Context).add_node(remember).add_edge(START, "remember")
