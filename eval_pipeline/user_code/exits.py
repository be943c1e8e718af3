"""Code of the user's that would end more than itself: `sys.exit`, its own cancellation, an exception past `Exception`.

What it raises would end the run, and in a task of its own the event loop, with every other case in it.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from eval_pipeline.telemetry.plain import text_of


class ExitedError(RuntimeError):
    """A target, an assertion or a simulated user tried to end more than itself; an error of its case."""


@contextlib.contextmanager
def ending_only_itself(who: str) -> Iterator[None]:
    """Around code of the user's, which `who` names.

    Raises:
        ExitedError: it raised what would end more than itself.
    """
    try:
        yield
    except BaseException as error:
        if not _is_its_own(error):
            raise
        raise ExitedError(f"{who} {_what(error)}") from error


def _is_its_own(error: BaseException) -> bool:
    if isinstance(error, Exception | GeneratorExit):
        return False
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    # Ctrl-C comes to the main thread only.
    return not isinstance(error, KeyboardInterrupt) or threading.current_thread() is not threading.main_thread()


def _what(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code})"
    if isinstance(error, asyncio.CancelledError):
        return "was cancelled by something that it started itself"
    return f"raised {type(error).__name__}: {text_of(error)}"
