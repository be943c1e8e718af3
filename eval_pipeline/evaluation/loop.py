"""The event loop of this process: one, in a thread, for every run the process makes.

HTTP clients that chat models keep belong to the loop they were first used in, so with a loop per run the second one of
a process breaks (`Event loop is closed`). Belongs here: that loop. Does not belong here: what runs in it.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_STOPPING_SECONDS = 5.0
"""What work that is cancelled has to clean up; a target that ignores it is left behind."""

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""By process id: a forked child inherits the entry but not the thread that serves it."""


def run_in_loop(work: Coroutine[Any, Any, _T]) -> _T:
    """Run `work` in the process's loop and wait for it. Interrupting the wait cancels the work, and waits for its end.

    Raises:
        Exception: whatever `work` raises.
    """
    ended = threading.Event()

    async def told() -> _T:
        try:
            return await work
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(told(), _loop())
    try:
        return future.result()
    except BaseException:
        if future.cancel():
            ended.wait(_STOPPING_SECONDS)
        raise


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="evaluation-loop", daemon=True).start()
        return loop
