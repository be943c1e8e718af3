"""A call in a thread of its own, for sync code of the user's: it waits for no other, and may never end."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any


async def in_own_thread(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `call` returns or raises, with the context variables of here.

    Not `asyncio.to_thread`, whose few threads all calls share: a call would wait for others, and for ever behind some
    that hang. Cancelling ends the waiting at once; the thread goes on alone, and the process does not wait for it.
    """
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    ended: asyncio.Future[Any] = loop.create_future()

    def settle(tell: Callable[[Any], None], outcome: Any) -> None:
        if not ended.done():
            tell(outcome)

    def run() -> None:
        tell: Callable[[Any], None] = ended.set_result
        try:
            outcome = context.run(call, *args, **kwargs)
        except (StopIteration, GeneratorExit, KeyboardInterrupt) as error:
            # A future cannot hold the first; the others would be taken for somebody who ends whoever waits.
            tell, outcome = ended.set_exception, RuntimeError(f"{type(error).__name__}: {error}")
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            tell, outcome = ended.set_exception, error
        # The loop may be gone by now, and with it whoever waited.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, tell, outcome)

    threading.Thread(target=run, name=f"eval_pipeline {getattr(call, '__name__', 'call')}", daemon=True).start()
    return await ended
