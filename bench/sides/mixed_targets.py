"""The targets of `bench.differential`: every way in which a callable or a graph answers, and fails."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, TypedDict

from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode
from langsmith import traceable

from eval_pipeline import emit


@traceable(run_type="tool")
def look_up(order: str) -> str:
    """Look an order up."""
    return f"order {order} is delivered"


async def answer(message: str) -> Any:
    """Answer as the question asks, or fail."""
    if "fail" in message:
        raise ValueError(f"no answer to {message}")
    if "look up" in message:
        return look_up(message)
    if "mapping" in message:
        return {"response": f"mapping of {message}", "score": 0.5, "events": [{"type": "tool_call", "name": "x"}]}
    if "secret" in message:
        return f"write to ann@example.com about {message}"
    if "emit" in message:
        emit({"type": "tool_call", "name": "emitted", "args": {"message": message}})
    return f"answer to {message}"


def answer_in_thread(message: str, history: list[Any]) -> str:
    """Answer from a thread, with the number of earlier messages."""
    time.sleep(0.001)
    return f"answer {len(history)} to {look_up(message)}"


async def stream(message: str) -> AsyncIterator[Any]:
    """Stream an answer in pieces, and an event."""
    yield {"type": "tool_call", "name": "streamed", "args": {}}
    for word in ("answer", " to ", message):
        yield word


def stream_in_thread(message: str) -> Iterator[str]:
    """Stream an answer from a thread."""
    yield from ("answer", " to ", message)


class State(TypedDict):
    """The state of the graph."""

    messages: Annotated[list[AnyMessage], add_messages]


@tool
def price(product: str) -> str:
    """The price of something."""
    if product == "nothing":
        raise ValueError("nothing has no price")
    return f"{product}: 4.20"


def build_graph() -> Any:
    """A graph that calls a tool and a model, with usage."""

    async def plan(state: State) -> dict[str, Any]:
        asked = str(state["messages"][-1].content)
        product = "nothing" if "fail" in asked else asked
        calling = {"name": "price", "args": {"product": product}, "id": f"call-{len(state['messages'])}"}
        return {"messages": [AIMessage("", tool_calls=[calling])]}

    async def reply(state: State) -> dict[str, Any]:
        usage = {"input_tokens": 310, "output_tokens": 24, "total_tokens": 334}
        text = f"The answer is {state['messages'][-1].content}"
        model = GenericFakeChatModel(messages=iter([AIMessage(text, usage_metadata=usage)]))
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(State)
    builder.add_node("plan", plan)
    builder.add_node("tools", ToolNode([price]))
    builder.add_node("reply", reply)
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "tools")
    builder.add_edge("tools", "reply")
    return builder.compile()


def chat() -> FakeListChatModel:
    """A model that answers every question alike."""
    return FakeListChatModel(responses=["the answer"])
