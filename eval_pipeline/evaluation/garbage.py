"""The garbage collector while attempts are made.

Imports and the dataset leave some hundred thousand objects that stay; LangGraph and traces make a few thousand with
each attempt, most of which end with it. Every full collection looks at all of them, which took a third of the
engine's time, and small ones every 700 objects take what is about to end for what stays.
"""

import contextlib
import gc
from collections.abc import Iterator

YOUNG_OBJECTS = 40_000
"""A collection each so many new objects: some megabytes of garbage at most."""
YOUNG_COLLECTIONS = 3
"""After so many, what survived one is looked at as well. With Python's ten, and so many objects each, garbage that was
young when its attempt ended takes 20 MB more."""

_before: list[tuple[int, int, int]] = []
"""The thresholds that each use found, outermost first."""


@contextlib.contextmanager
def what_stays_set_aside() -> Iterator[None]:
    """Within it, collections are fewer, and do not look at objects that were there before it.

    Nothing is lost: they may afterwards. Uses may overlap: the last to end puts the thresholds back, the first takes
    back what all of them set aside.
    """
    young, middle, old = gc.get_threshold()
    _before.append((young, middle, old))
    gc.collect(1)  # what an earlier use left behind would be set aside with the rest, and stay
    gc.freeze()
    if 0 < young < YOUNG_OBJECTS:  # 0: the process does not want collections
        gc.set_threshold(YOUNG_OBJECTS, min(middle, YOUNG_COLLECTIONS), old)
    try:
        yield
    finally:
        gc.unfreeze()
        found = _before.pop()
        if not _before:
            gc.set_threshold(*found)
