"""The way to one destination within one process: a bounded queue, the thread that empties it, and the numbers."""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from eval_pipeline.langsmith.client import Connection
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.send.counts import Counts
from eval_pipeline.tracing.send.flushing import flush_folder, spool_folder
from eval_pipeline.tracing.send.queued_item import Kind, Parcel, feedback_parcel, run_parcel, run_parcels
from eval_pipeline.tracing.send.spool import SETUP, Spool, has_requests, keep_requests
from eval_pipeline.tracing.send.uploader import Courier, Delivery

_log = logger_of(__name__)

_COUNTED = frozenset(field.name for field in fields(Counts))
_REQUESTS_AT_ONCE = 2
"""Requests' worth of what waits, taken together: copies travel apart, and so requests of both kinds are fuller."""
_PREFIX: Mapping[Kind, str] = {"run": "runs", "feedback": "feedback", "request": "requests"}


@dataclass(frozen=True, slots=True)
class Pending:
    """A run or feedback as it was handed over."""

    kind: Kind
    body: Mapping[str, Any]
    graft: bool

    @property
    def trace_id(self) -> str | None:
        """The trace it belongs to."""
        found = self.body.get("trace_id")
        return None if found is None else str(found)

    def parcel(self, redactor: Redactor) -> Parcel:
        """Redacted and serialized."""
        if self.kind == "run":
            return run_parcel(self.body, graft=self.graft, redactor=redactor)
        return feedback_parcel(self.body, redactor=redactor)


def parcels_of(batch: Sequence[Pending], redactor: Redactor) -> list[Parcel]:
    """All of them redacted and serialized, in their order.

    Raises:
        Exception: whatever one of them raises that cannot be serialized.
    """
    runs = iter(run_parcels([(item.body, item.graft) for item in batch if item.kind == "run"], redactor=redactor))
    return [next(runs) if item.kind == "run" else item.parcel(redactor) for item in batch]


class Lane:
    """One destination."""

    def __init__(
        self,
        connection: Connection,
        settings: LangSmithSettings,
        redactor: Redactor,
        *,
        owed: Sequence[Parcel] = (),
    ) -> None:
        """`owed`: requests that come before any run, and that nobody could take yet."""
        self._owed = owed
        self._connection = connection
        self._settings = settings
        self._redactor = redactor
        self._courier = Courier(connection, batch_size=settings.upload_batch_size)
        folder = spool_folder(settings, connection.destination.name)
        self._spool = Spool(folder, max_bytes=settings.spool_max_bytes)
        self._spool_lock = threading.Lock()
        self._changed = threading.Condition()
        self._queue: deque[Pending] = deque()
        self._in_flight: list[Pending] = []
        self._hurry = False
        self._stopped = False
        self._numbers: Counter[str] = Counter()
        self._thread: threading.Thread | None = None

    @property
    def counts(self) -> Counts:
        """The numbers so far."""
        with self._changed:
            return Counts(**{name: number for name, number in self._numbers.items() if name in _COUNTED})

    def put(self, pending: Sequence[Pending]) -> None:
        """Take things on their way; what does not fit goes to the spool at once."""
        with self._changed:
            self._count("enqueued", pending)
            room = max(0, self._settings.max_queue_size - len(self._queue))
            if self._stopped:
                room = 0
            self._queue.extend(pending[:room])
            overflow = pending[room:]
            if self._thread is None and self._settings.async_upload and not self._stopped:
                self._thread = threading.Thread(target=self._write, name="trace-writer", daemon=True)
                self._thread.start()
            if len(self._queue) >= self._settings.upload_batch_size:
                self._changed.notify_all()
        if overflow:
            self._keep(self._parcels(overflow), sync=False)
        if not self._settings.async_upload:
            self._send_all()

    def sampled_out(self, pending: Sequence[Pending]) -> None:
        """Count what is not sent on purpose."""
        with self._changed:
            self._count("sampled_out", pending)

    def drain(self, timeout_s: float) -> None:
        """Wait until the queue is empty: what was put into it is sent, or on disk."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._queue and not self._in_flight, timeout=timeout_s)
            self._hurry = False

    def flush(self, timeout_s: float) -> None:
        """Wait until the queue is empty, then try the spool again; what cannot be sent in time is put on disk."""
        deadline = time.monotonic() + timeout_s
        self.drain(timeout_s)
        with self._changed:
            left = list(self._queue)
            self._queue.clear()
        if left:
            self._keep(self._parcels(left))
        with self._spool_lock:
            self._spool.seal()
        if self._spooled and time.monotonic() < deadline:
            self._send_spooled(deadline)

    def close(self, timeout_s: float) -> Counts:
        """Flush and stop. What is still under way is put on disk too: twice sent is once there."""
        self.flush(timeout_s)
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            stuck, self._in_flight = self._in_flight, []
        if stuck:
            self._keep(self._parcels(stuck))
        with self._spool_lock:
            self._spool.seal()
        if not stuck:
            if self._thread is not None:
                self._thread.join(timeout=timeout_s)
            self._connection.close()
        return self.counts

    def disown(self) -> None:
        """In a forked child: everything here is the parent's."""
        self._spool.abandon()

    @property
    def _spooled(self) -> int:
        with self._changed:
            return self._numbers["runs_spooled"] + self._numbers["feedback_spooled"]

    def _write(self) -> None:
        """The writer thread."""
        while True:
            with self._changed:
                self._changed.wait_for(self._is_due, timeout=self._settings.upload_interval_seconds)
                if self._stopped:
                    return
                size = min(len(self._queue), _REQUESTS_AT_ONCE * self._settings.upload_batch_size)
                self._in_flight = [self._queue.popleft() for _ in range(size)]
            if self._in_flight:
                self._send(self._in_flight)
            with self._changed:
                self._in_flight = []
                self._changed.notify_all()

    def _is_due(self) -> bool:
        full = len(self._queue) >= self._settings.upload_batch_size
        return self._stopped or full or (self._hurry and bool(self._queue))

    def _send_all(self) -> None:
        with self._spool_lock:
            batch = list(self._queue)
            self._queue.clear()
        self._send(batch)

    def _send(self, batch: list[Pending]) -> None:
        parcels = self._parcels(batch)
        try:
            # A run sent before its experiment is made would make a plain project of that name.
            ready = self._requests_made(self._courier)
            delivery = self._courier.deliver(parcels) if ready else Delivery(put_off=parcels)
        except Exception:  # noqa: BLE001 - a defect here must cost no trace and no evaluation
            _log.exception("sending traces broke; they are spooled")
            delivery = Delivery(put_off=parcels, errors=1)
        with self._changed:
            if self._stopped:
                # Closed meanwhile, and put on disk: they are counted as that.
                return
            self._count("sent", delivery.sent)
            self._numbers["requests"] += delivery.requests
            self._numbers["bytes_sent"] += delivery.bytes_sent
            self._numbers["errors"] += delivery.errors
            self._count("refused", delivery.refused)
        self._keep([*delivery.put_off, *delivery.refused])

    def _requests_made(self, courier: Courier) -> bool:
        """Make up for what could not be made at the start; whether that is done."""
        if self._owed:
            delivery = courier.deliver(self._owed)
            self._owed = [*delivery.put_off, *delivery.refused]
            if self._owed:
                return False
        folder = self._spool.folder
        if not has_requests(folder):
            return True
        if not courier.resting:
            flush_folder(folder, courier, owner=SETUP, wait_s=self._settings.request_timeout_seconds)
        return not has_requests(folder)

    def _parcels(self, batch: Sequence[Pending]) -> list[Parcel]:
        try:
            return parcels_of(batch, self._redactor)
        except Exception:  # noqa: BLE001 - one of them is at fault, and the others are none the worse
            return self._one_by_one(batch)

    def _one_by_one(self, batch: Sequence[Pending]) -> list[Parcel]:
        found = []
        for pending in batch:
            try:
                found.append(pending.parcel(self._redactor))
            except Exception:  # noqa: BLE001 - as above
                _log.exception("a %s cannot be serialized and is lost", pending.kind)
                with self._changed:
                    self._count("dropped", [pending])
        return found

    def _keep(self, parcels: Sequence[Parcel], *, sync: bool = True) -> None:
        if not parcels:
            return
        with self._spool_lock:
            # Without the experiment that they belong to, whoever sends them would make a plain project of that name.
            if self._owed and keep_requests(self._spool.folder, self._owed):
                self._owed = ()
            kept = 0 if self._owed else self._spool.append(parcels, sync=sync)
        with self._changed:
            self._count("spooled", parcels[:kept])
            self._count("dropped", parcels[kept:])

    def _send_spooled(self, deadline: float) -> None:
        """Once more what this process spooled: servers come back."""
        courier = Courier(self._connection, batch_size=self._settings.upload_batch_size, until=deadline)
        try:
            if not self._requests_made(courier):
                return
            report = flush_folder(
                self._spool.folder,
                courier,
                owner=self._spool.owner,
                wait_s=max(0.0, deadline - time.monotonic()),
            )
        except Exception:  # noqa: BLE001 - as above
            _log.exception("the trace spool could not be sent; it is kept")
            return
        if report.sent:
            self._courier.wake()
        with self._changed:
            for kind, sent in (("runs", report.runs_sent), ("feedback", report.feedback_sent)):
                self._numbers[f"{kind}_sent"] += sent
                self._numbers[f"{kind}_spooled"] -= sent
            if not report.kept:
                self._numbers["runs_refused"] = self._numbers["feedback_refused"] = 0

    def _count(self, what: str, items: Sequence[Pending | Parcel]) -> None:
        for item in items:
            self._numbers[f"{_PREFIX[item.kind]}_{what}"] += 1
