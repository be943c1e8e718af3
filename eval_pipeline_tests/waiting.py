"""Waiting for what happens in other threads and processes."""

import time
from collections.abc import Callable
from typing import Any

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.25


def wait_for(condition: Callable[[], Any], *, timeout_s: float, otherwise: Callable[[], str]) -> Any:
    """Wait until `condition()` is true, and return it; after `timeout_s` fail with the message `otherwise()`."""
    deadline, pause = time.monotonic() + timeout_s, _FIRST_PAUSE_S
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
    raise AssertionError(otherwise())
