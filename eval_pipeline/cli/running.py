"""That an experiment is being run by one terminal at a time.

A lock that the system holds for the process, and lets go when it dies however it dies: so a run that was killed can be
resumed at once, and one that still works cannot. Belongs here: that lock. Does not belong here: runs that Dagster's
daemon launches, which Dagster watches.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from eval_pipeline.errors import PermanentError


@contextlib.contextmanager
def being_run(home: Path, experiment: str) -> Iterator[None]:
    """Hold an experiment.

    Raises:
        PermanentError: another terminal runs it.
    """
    folder = home / "running"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{experiment}.lock"
    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise PermanentError(f"{experiment} is being run by another terminal", fix="wait for its end") from error
    try:
        yield
    finally:
        # Whoever waits for nothing needs no file to be left.
        file.unlink(missing_ok=True)
        lock.release()
