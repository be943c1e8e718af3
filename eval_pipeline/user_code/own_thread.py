"""Running a sync call of the user's in a thread of its own, which may hang without holding up other calls."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any


async def in_own_thread(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `call` returns or raises, with the context variables of the caller.

    Not `asyncio.to_thread`, whose few threads are shared: behind calls that hang, a call would wait without end.
    Cancelling ends the waiting at once; the thread goes on alone, and the process does not wait for it.
    """
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

    threading.Thread(target=run, name=f"eval_pipeline {getattr(call, '__name__', 'call')}", daemon=True).start()
    return await ended
