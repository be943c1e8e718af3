"""The runs of terminals: that one works on an experiment at a time, and that Dagster is told how each ended.

A lock that the system holds for the process, and lets go when it dies however it dies: so a run that was killed can be
resumed at once, and one that still works cannot. Beside it lies a note of the run, which goes when the run has ended
as it should. A note whose lock nobody holds is of a run that Dagster takes for running and that is dead: its process
was killed, or the disk of `DAGSTER_HOME` was full when its end was to be written.
"""

import contextlib
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg
import filelock

from eval_pipeline.errors import PermanentError

_FOLDER, _NOTE, _LOCK = "running", ".json", ".lock"
_ENDED = "The process of this run ended without Dagster being told. What it had finished is kept."


@dataclass(frozen=True, kw_only=True)
class TerminalRun:
    """A run that a terminal with this home began."""

    run_id: str
    experiment: str
    host: str

    @property
    def is_of_this_host(self) -> bool:
        """Whether its lock says if it lives: between hosts that share a home, nobody knows whether locks hold."""
        return self.host == platform.node()


@contextlib.contextmanager
def being_run(home: Path, experiment: str, run_id: str) -> Iterator[None]:
    """Hold an experiment for a run, whose note stays if what is done within raises.

    Raises:
        PermanentError: another terminal runs it, or the home cannot be written.
    """
    run = TerminalRun(run_id=run_id, experiment=experiment, host=platform.node())
    # Whoever only looks for the dead holds it for milliseconds.
    with _held(home, experiment, wait_s=1.0) as held:
        if not held:
            raise PermanentError(f"{experiment} is being run by another terminal", fix="wait for its end")
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
    """The runs of this home's terminals that did not end as they should, or not yet."""
    found = []
    for note in (home / _FOLDER).glob(f"*{_NOTE}"):
        # It may have gone by now, be half written, or another user's.
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(TerminalRun(**json.loads(note.read_text(encoding="utf-8"))))
    return found


def unended_runs(instance: dg.DagsterInstance) -> list[TerminalRun]:
    """Those that Dagster takes for running: of this host, the dead; of others, all, dead or not."""
    return [run for run, _ in _let_go(instance)]


def end_dead_runs(instance: dg.DagsterInstance) -> list[TerminalRun]:
    """Tell Dagster that the dead runs of this host's terminals have failed. Returns them."""
    ended = []
    for run, known in _let_go(instance):
        if run.is_of_this_host:
            instance.report_run_failed(known, _ENDED)
            ended.append(run)
    return ended


def _let_go(instance: dg.DagsterInstance) -> Iterator[tuple[TerminalRun, dg.DagsterRun]]:
    """The unfinished runs whose lock nobody holds; it is held while the caller has one. Of other hosts, all."""
    home = Path(instance.root_directory)
    for run in noted_runs(home):
        # Other hosts' locks may be invisible here, and neither those nor their notes are ours to touch.
        with _held(home, run.experiment) if run.is_of_this_host else contextlib.nullcontext(enter_result=True) as held:
            # Who held it may have ended just now, and taken the note along.
            if not held or not _note(home, run.run_id).exists():
                continue
            known = instance.get_run_by_id(run.run_id)
            if known is not None and not known.is_finished:
                yield run, known
            elif run.is_of_this_host:
                _note(home, run.run_id).unlink(missing_ok=True)


def _note(home: Path, run_id: str) -> Path:
    return home / _FOLDER / f"{run_id}{_NOTE}"


@contextlib.contextmanager
def _held(home: Path, experiment: str, *, wait_s: float = 0.0) -> Iterator[bool]:
    """Whether the lock of an experiment is ours within."""
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
        # Whoever waits for nothing needs no file to be left.
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
            fix="set DAGSTER_HOME to a folder that can be written, or make room on its disk",
        ) from error
