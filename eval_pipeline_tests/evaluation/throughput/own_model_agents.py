"""Agents that make a `ChatOpenAI` themselves, at the address in an environment variable, for tests of limits."""

import os

from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph

WHERE = "URL_OF_THE_TEST"


def _model() -> ChatOpenAI:
    return ChatOpenAI(model_name="gpt-test", openai_api_base=os.environ[WHERE], max_retries=0)


async def _answers(state: MessagesState) -> MessagesState:
    return {"messages": [await _model().ainvoke(state["messages"])]}


async def _answers_on_the_loop(state: MessagesState) -> MessagesState:
    # What nobody should do, and many do.
    return {"messages": [_model().invoke(state["messages"])]}


def _graph(node: object) -> object:
    builder = StateGraph(MessagesState)
    builder.add_node("answers", node)  # type: ignore[call-overload]
    builder.add_edge(START, "answers")
    builder.add_edge("answers", END)
    return builder.compile()


graph = _graph(_answers)
graph_that_blocks = _graph(_answers_on_the_loop)


def in_a_thread(message: str) -> str:
    """A target that is no coroutine."""
    return str(_model().invoke(message).content)


async def twice_at_once(message: str) -> str:
    """A target that asks twice at once."""
    first, _ = await _model().abatch([message, message])
    return str(first.content)
