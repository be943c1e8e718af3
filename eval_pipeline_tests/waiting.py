"""Waiting for what happens in other threads and processes."""

import time
from typing import Any


def wait_for(there: Any, *, patience_s: float, otherwise: Any) -> Any:
    """Wait for `there()` to be true, and return it; after `patience_s` an error that says `otherwise()`."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if found := there():
            return found
        time.sleep(0.2)
    raise AssertionError(otherwise())
