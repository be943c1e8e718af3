"""What could not be sent, on disk: bounded, safe against a crash at any moment, one folder a destination.

A process appends parcels to a segment of its own (`<time>-<pid>-<random>.part`) that it holds locked, and seals it
(`.jsonl`) when it is large or when the process is done. A flush takes sealed segments, and those of dead processes,
which nobody holds locked any more.
"""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.store.local import sync_folder
from eval_pipeline.tracing.send.queued_item import Parcel, read_line

_log = logger_of(__name__)

SEALED, OPEN = ".jsonl", ".part"
SETUP = "-setup"
"""In the name of a segment that has what must be there before any run: datasets, experiments."""
_SEGMENT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class SpoolStatus:
    """What waits in a spool folder."""

    files: int
    bytes: int
    oldest: float | None
    """When the oldest file was begun, as seconds since 1970."""


class Spool:
    """The segments of one process in one folder. For one thread at a time."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.folder = folder
        self.owner = f"{os.getpid()}-{uuid4().hex[:8]}"
        """What the names of this process's segments hold."""
        self._max_bytes = max_bytes
        self._descriptor: int | None = None
        self._path: Path | None = None
        self._written = 0
        self._others = 0
        """Bytes of the folder, this segment aside, as of its beginning."""
        self._said_full = self._said_broken = False

    def append(self, parcels: Sequence[Parcel], *, sync: bool = True) -> int:
        """Keep parcels, in order, as long as there is room; how many were kept. Never raises for a failing disk."""
        kept = 0
        try:
            for parcel in parcels:
                if not self._append(parcel):
                    self._say_full(len(parcels) - kept)
                    break
                kept += 1
            if sync and self._descriptor is not None:
                os.fsync(self._descriptor)
        except OSError as error:
            self._say_broken(error, len(parcels) - kept)
            # What was half written must not run into what comes when there is room again.
            self.seal()
        return kept

    def seal(self) -> None:
        """Give the current segment to whoever flushes."""
        if self._descriptor is None or self._path is None:
            return
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)
            self._path.rename(self._path.with_suffix(SEALED))
            sync_folder(self.folder)
        self.abandon()

    def abandon(self) -> None:
        """Let go of the segment without a word to the disk, as a forked child has to: it is its parent's."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._path = None
        self._written = 0

    def _append(self, parcel: Parcel) -> bool:
        """Whether there was room for it."""
        line = parcel.line()
        descriptor = self._segment()
        if self._others + self._written + len(line) > self._max_bytes:
            return False
        # One write a line: after a crash at most the last line is torn.
        _write(descriptor, line)
        self._written += len(line)
        if self._written >= _SEGMENT_BYTES:
            self.seal()
        return True

    def _segment(self) -> int:
        if self._descriptor is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._others = status_of(self.folder).bytes
            path = self.folder / f"{time.time_ns():020d}-{self.owner}{OPEN}"
            self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._path = path
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            sync_folder(self.folder)
        return self._descriptor

    def _say_broken(self, error: OSError, lost: int) -> None:
        if not self._said_broken:
            self._said_broken = True
            _log.error(
                "the trace spool %s cannot be written (%s): %d traces and more are lost", self.folder, error, lost
            )

    def _say_full(self, lost: int) -> None:
        if not self._said_full:
            self._said_full = True
            _log.error(
                "the trace spool %s is full (%d bytes); %d traces and more are lost: send what is in it with "
                "`eval-pipeline traces flush`",
                self.folder,
                self._max_bytes,
                lost,
            )


class SpoolSegment:
    """One segment, claimed for sending; nobody else has it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def parcels(self) -> Iterator[Parcel]:
        """What is in it. A torn or strange line is skipped: it was never whole."""
        with self.path.open("rb") as lines:
            for line in lines:
                try:
                    yield read_line(line)
                except ValueError:
                    _log.warning("%s: skipped a line that was never completely written", self.path.name)

    def keep(self, parcels: Sequence[Parcel]) -> None:
        """Keep only these; without any, the file goes."""
        if not parcels:
            self.path.unlink(missing_ok=True)
        else:
            write_whole(self.path, parcels)
        sync_folder(self.path.parent)


def claim_segments(folder: Path, *, owner: str | None = None) -> list[SpoolSegment]:
    """Every segment that is ready, oldest first; to be called under the folder's flush lock.

    Args:
        folder: the spool of one destination.
        owner: only those of this process.
    """
    if not folder.is_dir():
        return []
    for path in folder.glob(f"*{OPEN}"):
        _seal_if_dead(path)
    found = sorted(folder.glob(f"*{SEALED}"), key=lambda path: (not path.stem.endswith(SETUP), path.name))
    return [SpoolSegment(path) for path in found if owner is None or owner in path.name]


def status_of(folder: Path) -> SpoolStatus:
    """What waits in a folder, whether or not it is ready."""
    sizes = []
    for pattern in (SEALED, OPEN):
        for path in folder.glob(f"*{pattern}"):
            with contextlib.suppress(FileNotFoundError):
                sizes.append((path.name, path.stat().st_size))
    oldest = min((int(name.partition("-")[0]) / 1e9 for name, _ in sizes), default=None)
    return SpoolStatus(files=len(sizes), bytes=sum(size for _, size in sizes), oldest=oldest)


def keep_requests(folder: Path, requests: Sequence[Parcel]) -> bool:
    """Keep requests that have to be made before any run is sent; whether all of them were, for else none is."""
    path = folder / f"{time.time_ns():020d}-{os.getpid()}-{uuid4().hex[:8]}{SETUP}{SEALED}"
    try:
        write_whole(path, requests)
        sync_folder(folder)
    except OSError:
        return False
    return True


def why_not_writable(folder: Path) -> str | None:
    """Why nothing can be kept in a folder; None if something can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            probe.write(b"x")
    except OSError as error:
        return error.strerror or str(error)
    return None


def has_requests(folder: Path) -> bool:
    """Whether there are such requests. Asked before every batch, so without `Path.glob`, which asks for more."""
    try:
        return any(path.name.endswith(f"{SETUP}{SEALED}") for path in folder.iterdir())
    except FileNotFoundError:
        return False


def write_whole(path: Path, parcels: Sequence[Parcel]) -> None:
    """Write a file so that it is there whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.writelines(parcel.line() for parcel in parcels)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _seal_if_dead(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.rename(path.with_suffix(SEALED))
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
