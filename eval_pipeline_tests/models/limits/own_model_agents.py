"""Agents that make a `ChatOpenAI` themselves, at the address in an environment variable, for tests of limits."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph

from eval_pipeline.models.opening import chat_model

WHERE = "URL_OF_THE_TEST"
left: list["asyncio.Task[Any]"] = []
"""Calls that are not awaited."""
somebody_asks = threading.Event()
"""A server has been asked."""


def _model() -> ChatOpenAI:
    return ChatOpenAI(model_name="gpt-test", openai_api_base=os.environ[WHERE], max_retries=0)


async def _answers(state: MessagesState) -> MessagesState:
    return {"messages": [await _model().ainvoke(state["messages"])]}


async def _answers_on_the_loop(state: MessagesState) -> MessagesState:
    # A common mistake.
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


async def leaves_a_call_waiting(message: str) -> str:
    """A target that begins a call, and breaks before it was let through."""
    begun = asyncio.create_task(_model().ainvoke(message))
    left.append(begun)
    await asyncio.sleep(0.2)
    raise ValueError("broken")


async def leaves_the_stream(message: str) -> str:
    """A target that needs only the beginning of an answer."""
    streamed = _model().astream(message)
    first = await anext(streamed)
    await _closed(streamed)
    return str(first.content)


async def leaves_the_stream_of_a_managed_model(message: str) -> str:
    """As `leaves_the_stream`, with a model of ours."""
    streamed = chat_model("openai:gpt-test", folder=Path(), base_url=os.environ[WHERE]).astream(message)
    first = await anext(streamed)
    await _closed(streamed)
    return str(first.content)


async def awaits_or_blocks(message: str) -> str:
    """A target whose first call is awaited; the others block the loop, while that one is under way."""
    return await _first_awaited(_model(), message)


async def awaits_or_blocks_with_a_managed_model(message: str) -> str:
    """As `awaits_or_blocks`, with a model of ours."""
    return await _first_awaited(chat_model("openai:gpt-test", folder=Path(), base_url=os.environ[WHERE]), message)


async def _first_awaited(model: BaseChatModel, message: str) -> str:
    if message == "first":
        return str((await model.ainvoke(message)).content)
    while not somebody_asks.is_set():  # noqa: ASYNC110 - another thread sets it
        await asyncio.sleep(0.01)
    return str(model.invoke(message).content)


async def _closed(streamed: AsyncIterator[Any]) -> None:
    assert isinstance(streamed, AsyncGenerator)  # which LangChain does not promise
    await streamed.aclose()
