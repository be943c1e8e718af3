"""The runs that terminals start: one at a time for an experiment, and marked as failed in Dagster if they are killed.

A run holds a file lock for its experiment, which the operating system releases when the process ends, however it ends:
a run that was killed can be resumed at once, and one that still works cannot. Next to the lock is a note of the run,
which is deleted when the run ends normally. A note without a lock belongs to a run that Dagster shows as running but
whose process is gone: it was killed, or the disk of DAGSTER_HOME was full when its end was to be written.
"""

import contextlib
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import filelock

from eval_pipeline.defs.partitions import FORGOTTEN_SECONDS
from eval_pipeline.errors import PermanentError

_FOLDER, _NOTE, _LOCK = "running", ".json", ".lock"
_ENDED = "The process of this run ended without reporting to Dagster. Its finished results are kept."
_RUNNING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True, kw_only=True)
class TerminalRun:
    """A run that a terminal with this home started."""

    run_id: str
    experiment: str
    host: str

    @property
    def is_of_this_host(self) -> bool:
        """Whether its lock can be trusted: file locks may not work between hosts that share a home."""
        return self.host == platform.node()


@contextlib.contextmanager
def run_lock(home: Path, experiment: str, run_id: str) -> Iterator[None]:
    """Hold the lock of an experiment for a run; its note remains if the body raises.

    Raises:
        PermanentError: another terminal runs the experiment, or the home cannot be written.
    """
    run = TerminalRun(run_id=run_id, experiment=experiment, host=platform.node())
    # A process that looks for dead runs holds the lock for milliseconds.
    with _held(home, experiment, wait_s=1.0) as held:
        if not held:
            raise PermanentError(f"another terminal is running {experiment}", fix="wait until it has finished")
        note = _note(home, run_id)
        try:
            with _writable(note):
                note.write_text(json.dumps(asdict(run)), encoding="utf-8")
        except PermanentError:
            note.unlink(missing_ok=True)
            raise
        yield
        note.unlink(missing_ok=True)


def noted_runs(home: Path) -> list[TerminalRun]:
    """The runs of this home's terminals that have not ended, or not ended normally."""
    runs = []
    for note in (home / _FOLDER).glob(f"*{_NOTE}"):
        # A note may have been deleted since, be incomplete, or belong to another user.
        with contextlib.suppress(OSError, ValueError, TypeError):
            runs.append(TerminalRun(**json.loads(note.read_text(encoding="utf-8"))))
    return runs


def unended_runs(instance: dg.DagsterInstance) -> list[TerminalRun]:
    """The runs that Dagster shows as running: of this host, those whose process is gone; of other hosts, all."""
    return [run for run, _ in _unlocked(instance)]


def silent_runs(instance: dg.DagsterInstance) -> list[str]:
    """The ids of runs that have been running for more than a day without an event, apart from those of terminals."""
    noted = {run.run_id for run in noted_runs(Path(instance.root_directory))}
    before = datetime.now(tz=UTC) - timedelta(seconds=FORGOTTEN_SECONDS)
    records = instance.get_run_records(dg.RunsFilter(statuses=_RUNNING, updated_before=before))
    return [record.dagster_run.run_id for record in records if record.dagster_run.run_id not in noted]


def end_dead_runs(instance: dg.DagsterInstance) -> list[TerminalRun]:
    """Mark the runs of this host whose process is gone as failed. Returns them."""
    ended = []
    for run, dagster_run in _unlocked(instance):
        if run.is_of_this_host:
            instance.report_run_failed(dagster_run, _ENDED)
            ended.append(run)
    return ended


def _unlocked(instance: dg.DagsterInstance) -> Iterator[tuple[TerminalRun, dg.DagsterRun]]:
    """Unfinished runs whose lock is free, held while the caller looks at one; of other hosts, all unfinished runs."""
    home = Path(instance.root_directory)
    for run in noted_runs(home):
        # Locks of other hosts may be invisible here; neither the locks nor the notes of other hosts are changed.
        with _held(home, run.experiment) if run.is_of_this_host else contextlib.nullcontext(enter_result=True) as held:
            # The run may have ended since its note was read, and deleted it.
            if not held or not _note(home, run.run_id).exists():
                continue
            dagster_run = instance.get_run_by_id(run.run_id)
            if dagster_run is not None and not dagster_run.is_finished:
                yield run, dagster_run
            elif run.is_of_this_host:
                _note(home, run.run_id).unlink(missing_ok=True)


def _note(home: Path, run_id: str) -> Path:
    return home / _FOLDER / f"{run_id}{_NOTE}"


@contextlib.contextmanager
def _held(home: Path, experiment: str, *, wait_s: float = 0.0) -> Iterator[bool]:
    """Try to hold the lock of an experiment; yields whether it is held."""
    file = home / _FOLDER / f"{experiment}{_LOCK}"
    lock = filelock.FileLock(file)
    try:
        with _writable(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=wait_s)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        # No process waits longer than a second for the lock, so its file need not remain.
        file.unlink(missing_ok=True)
        lock.release()


@contextlib.contextmanager
def _writable(file: Path) -> Iterator[None]:
    try:
        yield
    except filelock.Timeout:
        raise
    except OSError as error:
        raise PermanentError(
            f"{file}: {error.strerror or error}",
            fix="set DAGSTER_HOME to a folder that can be written, or free space on its disk",
        ) from error
