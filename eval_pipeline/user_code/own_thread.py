"""Running sync calls of the user's in threads of their own, which may hang without holding up other calls."""

import asyncio
import contextlib
import contextvars
import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any

_Job = Callable[[], None]


async def in_own_thread(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `call` returns or raises, with the context variables of the caller.

    Not `asyncio.to_thread`, whose few threads are shared: behind calls that hang, a call would wait without end.
    Cancelling ends the waiting at once; the thread goes on alone, and the process does not wait for it.
    """
    job, ended = _job(call, *args, **kwargs)
    threading.Thread(target=job, name=f"eval_pipeline {getattr(call, '__name__', 'call')}", daemon=True).start()
    return await ended


class OwnThread:
    """One thread for all sync calls of an attempt, so that what it keeps in the thread is there in its next turn.

    It starts with the first call, and ends when it is closed or no longer used.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._started = False
        weakref.finalize(self, self._jobs.put, None)

    async def run(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What `call` returns or raises, as `in_own_thread`; after the calls before it."""
        job, ended = _job(call, *args, **kwargs)
        self._jobs.put(job)
        if not self._started:
            self._started = True
            threading.Thread(target=_do_all, args=(self._jobs,), name="eval_pipeline attempt", daemon=True).start()
        return await ended

    def close(self) -> None:
        """End the thread after the calls that were begun."""
        self._jobs.put(None)


def _do_all(jobs: queue.SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # it holds what the call was given


def _job(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[_Job, asyncio.Future[Any]]:
    """A job that makes the call, in any thread, and the future of its outcome."""
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    ended: asyncio.Future[Any] = loop.create_future()

    def settle(set_outcome: Callable[[Any], None], outcome: Any) -> None:
        if not ended.done():
            set_outcome(outcome)

    def run() -> None:
        set_outcome: Callable[[Any], None] = ended.set_result
        try:
            outcome = context.run(call, *args, **kwargs)
        except (StopIteration, GeneratorExit, KeyboardInterrupt) as error:
            # A future cannot hold the first; the awaiting task would end itself with the others.
            set_outcome, outcome = ended.set_exception, RuntimeError(f"{type(error).__name__}: {error}")
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            set_outcome, outcome = ended.set_exception, error
        # The loop may be closed by now, and with it the task that waited.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, set_outcome, outcome)

    return run, ended
