"""Watching the runs of a target as they start, in whichever thread they do."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

RunStarted = Callable[[str, str, Any], None]
"""Is called with the type, the name and the inputs of a run that starts."""

_watcher: contextvars.ContextVar[RunStarted | None] = contextvars.ContextVar("run_starts", default=None)


@contextlib.contextmanager
def watching_starts(watcher: RunStarted) -> Iterator[None]:
    """Within it, `watcher` is called when a run starts; what it raises is raised where the run was to start."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def run_started(run_type: str, name: str, inputs: Any) -> None:
    """Report a run that starts here."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher(run_type, name, inputs)
