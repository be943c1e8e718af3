"""The event loop of this process: one, in a thread, for every run in the process.

HTTP clients that chat models keep belong to the loop they were first used in, so with a loop per run the second run
of a process would fail (`Event loop is closed`).
"""

import asyncio
import contextlib
import contextvars
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from eval_pipeline.errors import InputError, Problem

_T = TypeVar("_T")

_STOPPING_SECONDS = 5.0
"""Seconds that cancelled work has to clean up; a target that ignores the cancellation is left running."""

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""By process id: a forked child inherits the entry but not the thread that serves it."""
_unawaited: set[asyncio.Task[None]] = set()
"""Tasks that no code awaits: the loop itself keeps no reference to them."""


def run_in_loop(work: Coroutine[Any, Any, _T]) -> _T:
    """Run `work` in the process's loop and wait for it. Interrupting the wait cancels the work, and waits for its end.

    Raises:
        InputError: it is called in the loop itself, which cannot wait for what it has to do.
        Exception: whatever `work` raises.
    """
    loop = _loop()
    if _is_running_here(loop):
        work.close()
        fix = "await the asynchronous form there (`arun` for `run`), or call it in a thread"
        raise InputError(Problem(message="async code of an evaluation waits for another evaluation", fix=fix))
    ended = threading.Event()

    async def signalled() -> _T:
        try:
            return await work
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(signalled(), loop)
    try:
        return future.result()
    except BaseException:
        if future.cancel():
            ended.wait(_STOPPING_SECONDS)
        raise


def run_anywhere(work: Coroutine[Any, Any, _T]) -> _T:
    """As `run_in_loop`; where an event loop is running, in a thread and a loop of its own, for which that one waits.

    Raises:
        Exception: whatever `work` raises.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run_in_loop(work)
    context = contextvars.copy_context()
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(context.run, asyncio.run, work).result()


async def awaited_in_loop(work: Coroutine[Any, Any, _T]) -> _T:
    """The result of `work` in the process's loop, awaited in another one, which is neither blocked nor ended by it."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _loop()))


def finish_in_loop(work: Coroutine[Any, Any, None]) -> None:
    """As `run_in_loop`; called in the loop itself, as the garbage collector may do, it schedules `work` and returns."""
    loop = _loop()
    if not _is_running_here(loop):
        run_in_loop(work)
        return
    task = loop.create_task(work)
    _unawaited.add(task)
    task.add_done_callback(_unawaited.discard)


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=_serve, args=(loop,), name="evaluation-loop", daemon=True).start()
        return loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    while True:
        # asyncio lets these two end the loop. A task of the user's raised them, and who awaits it gets them as well;
        # without the loop, all other work would never end.
        with contextlib.suppress(SystemExit, KeyboardInterrupt):
            loop.run_forever()
