"""Agents without LangChain that report what they do: as events of their answer, as they go, or by emitting them."""

import contextvars
import threading
import time
from collections.abc import Iterator
from typing import Any

from langchain_core.messages import HumanMessage

from eval_pipeline import telemetry
from eval_pipeline_tests.tracing.agents import build_agent

CALL = {"type": "tool_call", "id": "1", "name": "find_order", "args": {"order": "A-1"}}
RESULT = {"type": "tool_result", "id": "1", "name": "find_order", "content": "shipped"}
FIRST = {"type": "usage", "model": "acme:agent-1", "input_tokens": 10, "output_tokens": 2, "cost_usd": 0.5}
SECOND = {"type": "usage", "model": "acme:agent-1", "input_tokens": 20, "output_tokens": 3, "cached_tokens": 8}


def afterwards(message: str) -> dict[str, Any]:
    """Says with its answer what it did."""
    return {"response": f"shipped: {message}", "events": [CALL, FIRST, RESULT, SECOND]}


def as_it_goes(message: str) -> Iterator[Any]:
    """Yields what it does, and takes its time."""
    time.sleep(0.02)
    yield FIRST
    yield CALL
    time.sleep(0.02)
    yield RESULT
    time.sleep(0.02)
    yield SECOND
    yield f"shipped: {message}"


def emitting(message: str) -> str:
    """Emits what it does, also from a thread of its own, and returns text alone."""
    telemetry.emit(FIRST)
    telemetry.emit({"type": "handoff", "from": "triage", "to": "orders"})
    telemetry.emit(SECOND)
    tool = threading.Thread(target=contextvars.copy_context().run, args=(_tool,))
    tool.start()
    tool.join()
    telemetry.emit({"no": "type"})
    telemetry.emit({"type": "tool_call", "name": "lost"})
    return f"shipped: {message}"


def _tool() -> None:
    telemetry.emit(CALL)
    telemetry.emit(RESULT)


def breaking(message: str) -> str:
    """One of its tools fails, and the turn with it; another reported its own failure."""
    telemetry.emit(FIRST)
    telemetry.emit({**CALL, "id": "0", "name": "guess"})
    telemetry.emit({**RESULT, "id": "0", "name": "guess", "content": "no luck", "error": "NoLuck"})
    telemetry.emit(CALL)
    raise LookupError(f"no order in {message}")


def own_turns(message: str) -> str:
    """As it runs in production: its turns are its own, and a tool of its asks another agent."""
    with telemetry.turn("support", {"message": message}) as turn:
        telemetry.emit(FIRST)
        telemetry.emit(CALL)
        with telemetry.turn("researcher", {"order": "A-1"}) as asked:
            telemetry.emit(SECOND)
            asked.answer("it is shipped")
        telemetry.emit(RESULT)
        turn.answer({"response": "shipped"})
    return "shipped"


def silent(message: str) -> str:
    """Reports nothing."""
    return message


async def around_langchain(message: str) -> dict[str, Any]:
    """A Python agent that runs a LangChain graph and returns its messages, which say what was traced already."""
    return {"messages": (await build_agent().ainvoke({"messages": [HumanMessage(message)]}))["messages"]}
