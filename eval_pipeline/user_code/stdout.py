"""Standard output that holds a command's result and nothing else."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def stdout_for_result_only() -> Iterator[TextIO]:
    """Whatever a target, a library or Dagster prints goes to stderr, but for what is written to the yielded file."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as kept:
        os.dup2(2, 1)
        try:
            # The first is for C code and child processes, the second where somebody put another file in sys.stdout.
            with contextlib.redirect_stdout(sys.stderr):
                yield kept
            kept.flush()
        finally:
            sys.stdout.flush()
            os.dup2(kept.fileno(), 1)
