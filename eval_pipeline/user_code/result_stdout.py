"""Standard output that holds a command's result and nothing else."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from eval_pipeline.redaction.output import redacted_output


@contextlib.contextmanager
def stdout_for_result_only() -> Iterator[TextIO]:
    """Send what a target, a library or Dagster prints to stderr, redacted; yield a file that writes to stdout."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as result_file:
        os.dup2(2, 1)
        try:
            # dup2 redirects C code and child processes; this, code that has replaced sys.stdout.
            with contextlib.redirect_stdout(sys.stderr), redacted_output():
                yield result_file
            result_file.flush()
        finally:
            sys.stdout.flush()
            os.dup2(result_file.fileno(), 1)
