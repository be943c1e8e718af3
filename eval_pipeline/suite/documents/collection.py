"""Building many objects that stay, without the garbage collector looking through them again and again.

Measured: parsing a case takes 14 µs instead of 33 when there are 30,000.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collection_paused() -> Iterator[None]:
    """No collection of reference cycles within; for work that makes next to none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
