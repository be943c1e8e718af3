"""Upload what waits in the spool.

Ids stay the same: what the server has already it answers with 409, which counts as sent. What has become older than
LangSmith's 24 h window is moved into it, each trace by one delta. A segment is removed only when everything in it has
arrived, so that a crash in between costs a repetition and nothing else. One process at a time flushes a folder.
"""

import datetime as dt
import hashlib
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import platformdirs
from filelock import FileLock, Timeout

from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.protocol.time_window import delta_for
from eval_pipeline.settings import DestinationName, LangSmithSettings
from eval_pipeline.tracing.send.queued_item import QueuedItem
from eval_pipeline.tracing.send.spool import SpoolSegment, claim_segments, status_of, write_whole
from eval_pipeline.tracing.send.uploader import Uploader

SPOOL_NAME = "trace_spool"
REFUSED_FOLDER = "refused"
_MOST_TRIES = 5
"""After so many refusals an item is set aside, so that it does not cost every flush a request."""
_UNMOVED = dt.timedelta(0)


@dataclass(kw_only=True)
class FlushReport:
    """What a flush did at one destination."""

    destination: DestinationName
    runs_sent: int = 0
    updates_sent: int = 0
    """Updates of runs that were sent when they began."""
    feedback_sent: int = 0
    kept: int = 0
    """Items not uploaded this time, still in the spool."""
    refused: int = 0
    """Of those kept: refused by the server for what they are."""
    put_aside: int = 0
    """Refused for the last time, and moved to the folder `refused`."""
    retimed_traces: int = 0
    busy: bool = False
    """Another process was flushing; this one did nothing."""

    @property
    def sent(self) -> int:
        """Runs, their updates and feedback that arrived."""
        return self.runs_sent + self.updates_sent + self.feedback_sent


def spool_folder(settings: LangSmithSettings, destination: DestinationName) -> Path:
    """The folder of what could not be sent to a destination."""
    return settings.spool_folder / destination


def with_spool_of(settings: LangSmithSettings, store: str) -> LangSmithSettings:
    """The settings with the spool of a store, unless they name one: the same from whichever working folder.

    It is a folder of this machine: in the store, where that is one; else the user's, named after the store's address.
    """
    if "spool_folder" in settings.model_fields_set:
        return settings
    parts = urlsplit(store)
    if parts.scheme in ("", "file"):
        folder = Path(unquote(parts.path) if parts.scheme else store).resolve() / SPOOL_NAME
    else:
        name = hashlib.sha256(store.rstrip("/").encode()).hexdigest()[:16]
        folder = platformdirs.user_state_path("eval_pipeline", appauthor=False) / SPOOL_NAME / name
    return settings.model_copy(update={"spool_folder": folder})


def flush_spool(settings: LangSmithSettings, *, timeout_s: float = math.inf) -> list[FlushReport]:
    """Upload what waits in the spool of each destination.

    Args:
        settings: the destinations.
        timeout_s: after so long nothing more is uploaded; what is left is kept.

    Raises:
        CredentialsError: a destination refuses its key.
        TransientError: the spool cannot be written.
    """
    reports = []
    deadline = time.monotonic() + timeout_s
    for destination in settings.destinations:
        folder = spool_folder(settings, destination.name)
        if not status_of(folder).files:
            reports.append(FlushReport(destination=destination.name))
            continue
        try:
            with Connection(destination, settings, insists=True) as connection:
                connection.check()
                uploader = Uploader(connection, batch_size=settings.upload_batch_size, until=deadline)
                reports.append(flush_folder(folder, uploader))
        except OSError as error:
            raise TransientError(
                f"the trace spool {folder} cannot be used: {error.strerror or error}",
                fix="make sure that its disk is neither full nor read-only: what is sent is removed from it",
            ) from error
    return reports


def flush_folder(
    folder: Path,
    uploader: Uploader,
    *,
    owner: str | None = None,
    wait_s: float = 0.0,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(tz=dt.UTC),
) -> FlushReport:
    """Upload what waits in one folder.

    Args:
        folder: the spool of one destination.
        uploader: to its server.
        owner: only segments with this in their name, those of one process.
        wait_s: how long to wait for another flush to finish.
        now: the present, which the 24 h window depends on.
    """
    report = FlushReport(destination=uploader.connection.destination.name)
    if not folder.is_dir():
        return report
    try:
        with FileLock(folder / ".flush.lock", timeout=wait_s):
            segments = claim_segments(folder, owner=owner)
            deltas = _deltas(segments, now())
            report.retimed_traces = sum(1 for delta in deltas.values() if delta)
            for segment in segments:
                if uploader.paused:
                    report.kept += sum(1 for _ in segment.items())
                else:
                    _flush_segment(segment, uploader, deltas, report)
    except Timeout:
        report.busy = True
    return report


def _flush_segment(
    segment: SpoolSegment, uploader: Uploader, deltas: dict[str, dt.timedelta], report: FlushReport
) -> None:
    items = list(segment.items())
    result = uploader.upload([_moved(item, deltas.get(item.trace_id or "", _UNMOVED)) for item in items])
    report.runs_sent += sum(1 for item in result.sent if item.kind == "run")
    report.updates_sent += sum(1 for item in result.sent if item.kind == "update")
    report.feedback_sent += sum(1 for item in result.sent if item.kind == "feedback")
    set_aside = [item for item in result.refused if item.tries >= _MOST_TRIES]
    if set_aside:
        write_whole(segment.path.parent / REFUSED_FOLDER / segment.path.name, set_aside)
    refused = {(item.kind, item.id) for item in result.refused if item.tries < _MOST_TRIES}
    postponed = {(item.kind, item.id) for item in result.postponed}
    # Items are kept as they were recorded: the next flush computes a delta of its own.
    kept = []
    for item in items:
        if (item.kind, item.id) in refused:
            kept.append(item.refused())
        elif (item.kind, item.id) in postponed:
            kept.append(item)
    report.put_aside += len(set_aside)
    report.refused += len(refused)
    report.kept += len(kept)
    if len(kept) < len(items) or refused:
        segment.keep(kept)


def _moved(item: QueuedItem, delta: dt.timedelta) -> QueuedItem:
    try:
        return item.moved(delta)
    except ValueError:
        # Its times cannot be parsed: the server may refuse it, but it must not hold up others.
        return item


def _deltas(segments: Iterable[SpoolSegment], now: dt.datetime) -> dict[str, dt.timedelta]:
    """By how much each trace has to be moved."""
    spans: dict[str, tuple[dt.datetime, dt.datetime]] = {}
    for segment in segments:
        for item in segment.items():
            _widen(spans, item)
    return {
        trace_id: delta_for(oldest, newest, now) or _UNMOVED
        for trace_id, (oldest, newest) in spans.items()
    }  # fmt: skip


def _widen(spans: dict[str, tuple[dt.datetime, dt.datetime]], item: QueuedItem) -> None:
    try:
        start = item.start()
    except ValueError:
        return
    if start is None or item.trace_id is None:
        return
    oldest, newest = spans.get(item.trace_id, (start, start))
    spans[item.trace_id] = (min(oldest, start), max(newest, start))
