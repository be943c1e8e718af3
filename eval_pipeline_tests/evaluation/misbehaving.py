"""Agents and evaluators that break in ways that ordinary code does not."""

import asyncio
import sys
import time
from typing import Any

from langgraph.graph import START, MessagesState, StateGraph

from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.targets.session import Reply


class BeyondExceptionError(BaseException):
    """What `except Exception` does not see, such as a test framework's own exit."""


class WithoutTextError(Exception):
    """An error that cannot be shown as text."""

    def __str__(self) -> str:
        raise ValueError("no text")


class WithoutText:
    """A value that cannot be shown as text."""

    def __repr__(self) -> str:
        raise ValueError("no text")


# What they are called with, an answer or what an evaluator sees, does not matter.
def exits(_: Any) -> Any:
    """Ends the process."""
    sys.exit(7)


async def exits_on_the_loop(_: Any) -> Any:
    """Ends the process."""
    sys.exit(7)


def goes_beyond(_: Any) -> Any:
    """Raises past `except Exception`."""
    raise BeyondExceptionError("gone")


async def goes_beyond_on_the_loop(_: Any) -> Any:
    """Raises past `except Exception`."""
    raise BeyondExceptionError("gone")


def interrupts(_: Any) -> Any:
    """Raises what Ctrl-C does."""
    raise KeyboardInterrupt


async def interrupts_on_the_loop(_: Any) -> Any:
    """Raises what Ctrl-C does."""
    raise KeyboardInterrupt


def closes(_: Any) -> Any:
    """Raises what a closed generator does."""
    raise GeneratorExit


async def cancels_itself(_: Any) -> Any:
    """Awaits something that it cancelled."""
    begun = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    begun.cancel()
    await begun


def breaks_without_text(_: Any) -> Any:
    """Raises an error that cannot be shown as text."""
    raise WithoutTextError


def breaks_at_length(_: Any) -> Any:
    """Raises an error that says all that it was given."""
    raise ValueError("begins " + "x" * 5_000_000 + " ends")


def _graph(node: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    return builder.compile()


graph_that_exits = _graph(exits)
graph_that_exits_on_the_loop = _graph(exits_on_the_loop)
graph_that_interrupts = _graph(interrupts_on_the_loop)
graph_that_goes_beyond = _graph(goes_beyond_on_the_loop)


async def leaves_a_task_that_exits(message: str) -> str:
    """Starts something that ends the process, and does not wait for it."""

    async def other() -> None:
        sys.exit(7)

    begun = asyncio.create_task(other())
    await asyncio.sleep(0.01)
    begun.exception()
    return message


def makes_its_factory_exit() -> Any:
    """A factory that ends the process."""
    sys.exit(7)


async def waits_for_another_evaluation(message: str) -> str:
    """Waits for what only the loop that it holds could do."""
    return EvalRunner(target=str.upper).run({"id": "inner", "input": message}).turns[0].response


async def takes_no_notice(message: str) -> str:
    """Goes on although it is cancelled."""
    ends = time.monotonic() + 1.0
    while time.monotonic() < ends:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue
    return message


async def takes_a_while(_: Any) -> bool:
    """An evaluator that takes longer than an attempt may."""
    await asyncio.sleep(60)
    return True


def answers_with_a_number(_: str) -> Any:
    """A reply that is none."""
    return Reply(response=5)  # type: ignore[arg-type]


def says_nothing(_: str) -> Any:
    """An answer that a model leaves out."""
    return {"response": None, "events": None}


def _deep(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(levels):
        made = {"a": made}
    return made


def odd_args(which: str) -> dict[str, Any]:
    """Arguments of a tool call that JSON, or what walks through it, cannot take."""
    cycle: dict[str, Any] = {}
    cycle["itself"] = cycle
    known: dict[str, dict[Any, Any]] = {
        "deep": _deep(5_000),
        "cycle": cycle,
        "keys": {(1, 2): "x"},
        "numbers": {"n": float("nan"), "i": float("inf"), "whole": 10**5000},
        "object": {"x": WithoutText()},
        "set": {"x": {1}},
        "bytes": {"x": b"\xff"},
        "surrogate": {"\ud800": "\udfff"},
    }
    return known[which]


def calls_oddly(message: str) -> Any:
    """Tells of a call with odd arguments, afterwards."""
    return {"response": message, "events": [{"type": "tool_call", "name": "t", "args": odd_args(message)}]}


def calls_oddly_live(message: str) -> Any:
    """Tells of a call with odd arguments as it happens, and breaks."""
    yield {"type": "tool_call", "name": "t", "args": odd_args(message)}
    raise ValueError("broken")
