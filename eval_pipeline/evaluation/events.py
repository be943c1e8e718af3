"""Events of work in progress, to iterate over: asynchronously, or from code without an event loop."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from typing import Any

from eval_pipeline.results.case_result import TurnResult
from eval_pipeline.user_code.loop import awaited_in_loop, finish_in_loop, run_in_loop

Event = Mapping[str, Any]
Listener = Callable[[Event], None]
"""Is called with every event."""


async def events_of(work: Callable[[Listener], Coroutine[Any, Any, Any]]) -> AsyncGenerator[Event, None]:
    """The events that `work` calls its listener with. Ending the iteration cancels the work, and waits for its end.

    Raises:
        Exception: whatever the work raises, after its last event.
    """
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    task = asyncio.create_task(work(events.put_nowait))
    task.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        await task
    finally:
        task.cancel()
        # Not `await task`: being cancelled again would cancel the work again, and LangGraph, cancelled twice, leaves
        # what it runs behind.
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not warn of it


def in_this_thread(listener: Listener) -> Listener:
    """`listener`, which is called in this thread and event loop also with events that other threads report."""
    loop, thread = asyncio.get_running_loop(), threading.get_ident()

    def pass_on(event: Event) -> None:
        if threading.get_ident() == thread:
            listener(event)
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended, before an agent's thread
            loop.call_soon_threadsafe(listener, event)

    return pass_on


def from_process_loop(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """`events` of the process's loop, for another loop: a server answers while a target blocks the loop it runs in."""

    async def work(listener: Listener) -> None:
        here = asyncio.get_running_loop()

        async def read() -> None:
            async with contextlib.aclosing(events):
                async for event in events:
                    here.call_soon_threadsafe(listener, event)

        await awaited_in_loop(read())

    return events_of(work)


def iterate(events: AsyncGenerator[Event, None]) -> Generator[Event, None, None]:
    """`events`, each waited for in the process's loop; for scripts and notebooks."""

    async def following() -> Event | None:
        return await anext(events, None)

    try:
        while (event := run_in_loop(following())) is not None:
            yield event
    finally:
        finish_in_loop(events.aclose())


def user_input_event(index: int, message: Any, text: str) -> Event:
    """The event of an input: its text, and the input itself where it is more than that."""
    own = {} if isinstance(message, str) else {"input": message}
    return {"event": "user_input", "turn": index, "content": text, **own}


def agent_response_event(turn: TurnResult) -> Event:
    """The event of an answer: its text, and the outputs where they are more than that."""
    own = {} if turn.outputs == turn.response else {"outputs": turn.outputs}
    return {"event": "agent_response", "turn": turn.index, "content": turn.response, **own}
