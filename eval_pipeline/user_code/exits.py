"""Containing user code that would end the run: by `sys.exit`, by cancelling itself, by an exception beyond `Exception`.

In a task of its own, what it raises would end the event loop, with every other case in it.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from eval_pipeline.telemetry.plain import text_of


class ExitedError(RuntimeError):
    """A target, an assertion or a simulated user tried to end the run; an error of its case."""


@contextlib.contextmanager
def contain_exits(what: str) -> Iterator[None]:
    """Within it, what would end the run is an error; `what` names the user code for the message.

    Raises:
        ExitedError: it raised what would end the run.
    """
    try:
        yield
    except BaseException as error:
        if not _would_end_the_run(error):
            raise
        raise ExitedError(f"{what} {_cause(error)}") from error


def _would_end_the_run(error: BaseException) -> bool:
    """Whether user code raised it, rather than a cancellation or interruption of the run itself."""
    if isinstance(error, Exception | GeneratorExit):
        return False
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    # Ctrl-C is raised in the main thread only.
    return not isinstance(error, KeyboardInterrupt) or threading.current_thread() is not threading.main_thread()


def _cause(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code})"
    if isinstance(error, asyncio.CancelledError):
        return "was cancelled by something that it started itself"
    return f"raised {type(error).__name__}: {text_of(error)}"
