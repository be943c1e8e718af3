"""Waiting for what happens in other threads and processes."""

import time
from typing import Any

_FIRST_S, _LONGEST_S = 0.01, 0.25


def wait_for(there: Any, *, patience_s: float, otherwise: Any) -> Any:
    """Wait for `there()` to be true, and return it; after `patience_s` an error that says `otherwise()`."""
    deadline, pause = time.monotonic() + patience_s, _FIRST_S
    while time.monotonic() < deadline:
        if result := there():
            return result
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_S)
    raise AssertionError(otherwise())
