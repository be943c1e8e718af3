"""Keep on disk what could not be sent: bounded, safe against a crash at any moment, one folder per destination.

A process appends items to a segment of its own (`<time>-<pid>-<random>.part`), which it keeps locked, and seals it
(`.jsonl`) when it is large or when the process is done. A flush takes sealed segments, and those of dead processes,
which are no longer locked.
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
from eval_pipeline.tracing.send.queued_item import QueuedItem, read_line

_log = logger_of(__name__)

SEALED, OPEN = ".jsonl", ".part"
SETUP = "-setup"
"""In the name of a segment of requests to make before any run is sent: they create datasets and experiments."""
_SEGMENT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class SpoolStatus:
    """What waits in a spool folder."""

    files: int
    bytes: int
    oldest: float | None
    """When the oldest file was created, in seconds since 1970."""


class Spool:
    """The segments of one process in one folder, for one thread at a time."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.folder = folder
        self.owner = f"{os.getpid()}-{uuid4().hex[:8]}"
        """In the names of all segments of this process."""
        self._max_bytes = max_bytes
        self._descriptor: int | None = None
        self._path: Path | None = None
        self._written = 0
        self._others = 0
        """Bytes of the other segments in the folder when this one was created."""
        self._logged_full = self._logged_broken = False

    def append(self, items: Sequence[QueuedItem], *, sync: bool = True) -> int:
        """Append items in order while there is room, and return how many. Never raises for a failing disk."""
        kept = 0
        try:
            for item in items:
                if not self._append(item):
                    self._log_full(len(items) - kept)
                    break
                kept += 1
            if sync and self._descriptor is not None:
                os.fsync(self._descriptor)
        except OSError as error:
            self._log_broken(error, len(items) - kept)
            # A half-written line must not run into what is written when there is room again.
            self.seal()
        return kept

    def seal(self) -> None:
        """Make the current segment ready to be flushed."""
        if self._descriptor is None or self._path is None:
            return
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)
            self._path.rename(self._path.with_suffix(SEALED))
            sync_folder(self.folder)
        self.abandon()

    def abandon(self) -> None:
        """Close the segment and leave its file as it is: in a forked child it is the parent's."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._path = None
        self._written = 0

    def _append(self, item: QueuedItem) -> bool:
        """Append one item; whether there was room for it."""
        line = item.line()
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

    def _log_broken(self, error: OSError, lost: int) -> None:
        if not self._logged_broken:
            self._logged_broken = True
            _log.error(
                "the trace spool %s cannot be written (%s): %d traces and more are lost", self.folder, error, lost
            )

    def _log_full(self, lost: int) -> None:
        if not self._logged_full:
            self._logged_full = True
            _log.error(
                "the trace spool %s is full (%d bytes); %d traces and more are lost: send what is in it with "
                "`eval-pipeline traces flush`",
                self.folder,
                self._max_bytes,
                lost,
            )


class SpoolSegment:
    """One segment, claimed for a flush."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def items(self) -> Iterator[QueuedItem]:
        """The items in it. A line that cannot be parsed is skipped: it was never written completely."""
        with self.path.open("rb") as lines:
            for line in lines:
                try:
                    yield read_line(line)
                except ValueError:
                    _log.warning("%s: skipped a line that was never completely written", self.path.name)

    def keep(self, items: Sequence[QueuedItem]) -> None:
        """Keep only these items; without any, delete the file."""
        if not items:
            self.path.unlink(missing_ok=True)
        else:
            write_whole(self.path, items)
        sync_folder(self.path.parent)


def claim_segments(folder: Path, *, owner: str | None = None) -> list[SpoolSegment]:
    """Every segment that is ready, oldest first; the caller holds the folder's flush lock.

    Args:
        folder: the spool of one destination.
        owner: only segments with this in their name, those of one process.
    """
    if not folder.is_dir():
        return []
    for path in folder.glob(f"*{OPEN}"):
        _seal_if_dead(path)
    sealed = sorted(folder.glob(f"*{SEALED}"), key=lambda path: (not path.stem.endswith(SETUP), path.name))
    return [SpoolSegment(path) for path in sealed if owner is None or owner in path.name]


def spooled_items(folder: Path) -> Iterator[QueuedItem]:
    """Every item that waits in a folder, in segments that are ready or not."""
    for pattern in (SEALED, OPEN):
        for path in sorted(folder.glob(f"*{pattern}")):
            with contextlib.suppress(FileNotFoundError):
                yield from SpoolSegment(path).items()


def status_of(folder: Path) -> SpoolStatus:
    """What waits in a folder, ready or not."""
    sizes = []
    for pattern in (SEALED, OPEN):
        for path in folder.glob(f"*{pattern}"):
            with contextlib.suppress(FileNotFoundError):
                sizes.append((path.name, path.stat().st_size))
    oldest = min((int(name.partition("-")[0]) / 1e9 for name, _ in sizes), default=None)
    return SpoolStatus(files=len(sizes), bytes=sum(size for _, size in sizes), oldest=oldest)


def keep_requests(folder: Path, requests: Sequence[QueuedItem]) -> bool:
    """Keep requests that must be made before any run is sent: all of them, or none; whether they were kept."""
    path = folder / f"{time.time_ns():020d}-{os.getpid()}-{uuid4().hex[:8]}{SETUP}{SEALED}"
    try:
        write_whole(path, requests)
        sync_folder(folder)
    except OSError:
        return False
    return True


def why_not_writable(folder: Path) -> str | None:
    """Why nothing can be written to a folder; None if something can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            probe.write(b"x")
    except OSError as error:
        return error.strerror or str(error)
    return None


def has_requests(folder: Path) -> bool:
    """Whether a folder has such requests. Called before every batch, so without `Path.glob`, which costs more."""
    try:
        return any(path.name.endswith(f"{SETUP}{SEALED}") for path in folder.iterdir())
    except FileNotFoundError:
        return False


def write_whole(path: Path, items: Sequence[QueuedItem]) -> None:
    """Write a file completely, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.writelines(item.line() for item in items)
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
