"""Settings of Python itself while attempts are made and recorded, as context managers that put them back.

They are of the process, so uses may overlap: the last to end puts the setting back.
"""

import contextlib
import gc
import sys
import threading
from collections.abc import Iterator

YOUNG_OBJECTS = 40_000
"""A collection each so many new objects: some megabytes of garbage at most."""
YOUNG_COLLECTIONS = 3
"""After so many, what survived one is looked at as well. With Python's ten, and so many objects each, garbage that was
young when its attempt ended takes 20 MB more."""
SWITCH_SECONDS = 0.002
"""How long the evaluation's thread keeps Python's lock from others, which ask for it after every write and every answer
of a server. With Python's 5 ms the threads that send traces fall behind, and what waits for them takes memory."""

_thresholds: list[tuple[int, int, int]] = []
"""The garbage collector's thresholds when each use began, outermost first."""
_intervals: list[float] = []
"""The switch interval when each use began."""
_lock = threading.Lock()


@contextlib.contextmanager
def fewer_collections() -> Iterator[None]:
    """Within it, garbage collections are fewer, and do not look at objects that existed before.

    Imports and the dataset leave some hundred thousand objects that stay; LangGraph and traces make a few thousand with
    each attempt, most of which end with it. Every full collection looks at all of them, which took a third of the
    engine's time, and small ones every 700 objects take what is about to end for what stays. Nothing is lost:
    afterwards collections look at all objects again.
    """
    young, middle, old = gc.get_threshold()
    _thresholds.append((young, middle, old))
    gc.collect(1)  # what an earlier use left behind would be frozen with the rest, and stay
    gc.freeze()
    if 0 < young < YOUNG_OBJECTS:  # 0: the process does not want collections
        gc.set_threshold(YOUNG_OBJECTS, min(middle, YOUNG_COLLECTIONS), old)
    try:
        yield
    finally:
        gc.unfreeze()
        thresholds = _thresholds.pop()
        if not _thresholds:
            gc.set_threshold(*thresholds)


@contextlib.contextmanager
def shorter_switch_interval() -> Iterator[None]:
    """Within it, threads take turns at least every `SWITCH_SECONDS`."""
    with _lock:
        _intervals.append(sys.getswitchinterval())
        sys.setswitchinterval(min(_intervals[0], SWITCH_SECONDS))
    try:
        yield
    finally:
        with _lock:
            usual = _intervals[0]
            _intervals.pop()
            if not _intervals:
                sys.setswitchinterval(usual)
