"""The garbage collector while attempts are made.

Imports and the dataset leave some hundred thousand objects that stay; LangGraph makes a few thousand that do not with
each attempt. Every full collection looks at all of them, which took a third of the engine's time. Belongs here: setting
the former aside. Does not belong here: thresholds, which are the process owner's.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def what_stays_set_aside() -> Iterator[None]:
    """Within it, collections do not look at objects that were there before it. Nothing is lost: they may afterwards.

    Overlapping uses are harmless: the first to end takes back what all of them set aside.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
