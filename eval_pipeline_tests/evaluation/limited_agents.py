"""Agents that go round in loops, of several kinds."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from langsmith import traceable
from typing_extensions import override

MADE: list[str] = []
"""What the agents did, in order."""


class LoopingModel(BaseChatModel):
    """Calls `search` in every answer, with the same query, or with another one each time."""

    varied: bool = False

    @property
    @override
    def _llm_type(self) -> str:
        return "looping"

    @override
    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[Any, Any]:
        return self

    @override
    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        MADE.append("model")
        query = str(len(messages)) if self.varied else "again"
        call = {"name": "search", "args": {"query": query}, "id": f"c{len(messages)}"}
        usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
        message = AIMessage("", tool_calls=[call], usage_metadata=usage, response_metadata={"model_name": "gpt-4o"})
        return ChatResult(generations=[ChatGeneration(message=message)])


@tool
def search(query: str) -> str:
    """Search."""
    MADE.append(f"search {query}")
    return "nothing"


looping = create_agent(LoopingModel(), [search])
varied = create_agent(LoopingModel(varied=True), [search])


@traceable(run_type="tool")
def look_up(key: str) -> str:
    """A tool of a plain function."""
    MADE.append(key)
    return "nothing"


def plain_loop(message: str) -> str:
    """Goes round in a thread, and catches what it can."""
    for number in range(200):
        try:
            look_up(message if message == "again" else str(number))
        except Exception:  # noqa: BLE001 - as careless agents do
            continue
    return "done"


def reporting(message: str) -> dict[str, Any]:
    """Reports its calls, and shows no runs."""
    calls = [{"type": "tool_call", "id": str(n), "name": "find", "args": {"n": n}} for n in range(5)]
    return {"response": message, "events": calls}


async def slow(message: str) -> str:
    """Never ends."""
    await asyncio.sleep(60)
    return message


def blocking(message: str) -> Iterator[str]:
    """Streams a piece, and then takes its time."""
    yield message
    time.sleep(5)


def echo(message: str) -> str:
    """Answers with the message."""
    MADE.append(message)
    return message
