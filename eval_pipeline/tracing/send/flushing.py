"""Sending again what is in a spool.

Ids stay: what got there after all is answered with 409 and counts as sent. What has become older than LangSmith's 24 h
window is moved into it, each trace by one delta. A segment goes only when everything in it is there, so that a crash
midway costs a repetition and nothing else. One flusher at a time works in a folder.
"""

import datetime as dt
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.client import Connection
from eval_pipeline.langsmith.protocol.time_window import delta_for
from eval_pipeline.settings import DestinationName, LangSmithSettings
from eval_pipeline.tracing.send.queued_item import Parcel
from eval_pipeline.tracing.send.spool import SpoolSegment, claim_segments, status_of, write_whole
from eval_pipeline.tracing.send.uploader import Courier

REFUSED_FOLDER = "refused"
_MOST_TRIES = 5
"""After so many refusals a parcel is put aside, so that it does not cost a request each time for ever."""
_STILL = dt.timedelta(0)


@dataclass(kw_only=True)
class FlushReport:
    """What a flush did at one destination."""

    destination: DestinationName
    runs_sent: int = 0
    feedback_sent: int = 0
    kept: int = 0
    """Not taken this time; still in the spool."""
    refused: int = 0
    """Of those kept: refused for what they are."""
    put_aside: int = 0
    """Refused for the last time, and moved to the folder `refused`."""
    retimed_traces: int = 0
    busy: bool = False
    """Another process was flushing; this one did nothing."""

    @property
    def sent(self) -> int:
        """Everything sent."""
        return self.runs_sent + self.feedback_sent


def spool_folder(settings: LangSmithSettings, destination: DestinationName) -> Path:
    """Where what could not be sent to a destination waits."""
    return settings.spool_folder / destination


def flush_spool(settings: LangSmithSettings, *, timeout_s: float = math.inf) -> list[FlushReport]:
    """Send everything that waits in the spool of each destination that tracing is set up for.

    Args:
        settings: where traces go.
        timeout_s: after so long nothing more is sent; what is left is kept.

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
        connection = Connection(destination, settings, insists=True)
        try:
            connection.check()
            courier = Courier(connection, batch_size=settings.upload_batch_size, until=deadline)
            reports.append(flush_folder(folder, courier))
        except OSError as error:
            raise TransientError(
                f"the trace spool {folder} cannot be used: {error.strerror or error}",
                fix="see that its disk is neither full nor read-only: what is sent is taken out of it",
            ) from error
        finally:
            connection.close()
    return reports


def flush_folder(
    folder: Path,
    courier: Courier,
    *,
    owner: str | None = None,
    wait_s: float = 0.0,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(tz=dt.UTC),
) -> FlushReport:
    """Send what waits in one folder.

    Args:
        folder: the spool of one destination.
        courier: how its server is reached.
        owner: only what this process put there.
        wait_s: how long to wait for another flusher to finish.
        now: the present, which the 24 h window hangs on.
    """
    report = FlushReport(destination=courier.connection.destination.name)
    if not folder.is_dir():
        return report
    try:
        with FileLock(folder / ".flush.lock", timeout=wait_s):
            segments = claim_segments(folder, owner=owner)
            deltas = _deltas(segments, now())
            report.retimed_traces = sum(1 for delta in deltas.values() if delta)
            for segment in segments:
                if courier.resting:
                    report.kept += sum(1 for _ in segment.parcels())
                else:
                    _flush_segment(segment, courier, deltas, report)
    except Timeout:
        report.busy = True
    return report


def _flush_segment(
    segment: SpoolSegment, courier: Courier, deltas: dict[str, dt.timedelta], report: FlushReport
) -> None:
    before = list(segment.parcels())
    moved = [_moved(parcel, deltas.get(parcel.trace_id or "", _STILL)) for parcel in before]
    delivery = courier.deliver(moved)
    report.runs_sent += sum(1 for parcel in delivery.sent if parcel.kind == "run")
    report.feedback_sent += sum(1 for parcel in delivery.sent if parcel.kind == "feedback")
    given_up = [parcel for parcel in delivery.refused if parcel.tries >= _MOST_TRIES]
    if given_up:
        write_whole(segment.path.parent / REFUSED_FOLDER / segment.path.name, given_up)
    tries = {(parcel.kind, parcel.id): parcel for parcel in delivery.refused if parcel.tries < _MOST_TRIES}
    waiting = {(parcel.kind, parcel.id) for parcel in delivery.put_off}
    # What is kept is kept as it was recorded: the next flush works out a delta of its own.
    kept = []
    for parcel in before:
        key = (parcel.kind, parcel.id)
        if key in tries:
            kept.append(parcel.refused())
        elif key in waiting:
            kept.append(parcel)
    report.put_aside += len(given_up)
    report.refused += len(tries)
    report.kept += len(kept)
    if len(kept) < len(before) or tries:
        segment.keep(kept)


def _moved(parcel: Parcel, delta: dt.timedelta) -> Parcel:
    try:
        return parcel.moved(delta)
    except ValueError:
        # Its times cannot be read: the server's to refuse, not a reason to keep others waiting.
        return parcel


def _deltas(segments: Iterable[SpoolSegment], now: dt.datetime) -> dict[str, dt.timedelta]:
    """By how much each trace has to be moved."""
    spans: dict[str, tuple[dt.datetime, dt.datetime]] = {}
    for segment in segments:
        for parcel in segment.parcels():
            _widen(spans, parcel)
    return {
        trace_id: delta_for(oldest, newest, now) or _STILL
        for trace_id, (oldest, newest) in spans.items()
    }  # fmt: skip


def _widen(spans: dict[str, tuple[dt.datetime, dt.datetime]], parcel: Parcel) -> None:
    try:
        start = parcel.start()
    except ValueError:
        return
    if start is None or parcel.trace_id is None:
        return
    oldest, newest = spans.get(parcel.trace_id, (start, start))
    spans[parcel.trace_id] = (min(oldest, start), max(newest, start))
