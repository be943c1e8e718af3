"""Send what is handed over to one destination: through its queue, from a thread of its own, else into the spool."""

import threading
import time
from collections.abc import Sequence

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.send.delivery_counts import DeliveryCounts
from eval_pipeline.tracing.send.destination_queue import DestinationQueue
from eval_pipeline.tracing.send.flush import flush_folder, spool_folder
from eval_pipeline.tracing.send.queued_item import PendingItem, QueuedItem, serialize
from eval_pipeline.tracing.send.spool import SETUP, Spool, has_requests, keep_requests
from eval_pipeline.tracing.send.uploader import OnResult, Uploader, UploadResult

_log = logger_of(__name__)

_REQUESTS_AT_ONCE = 2
"""Take this many requests' worth of items together: grafts travel apart, so that requests of both kinds are fuller."""


class DestinationSender:
    """The sender to one destination, within one process."""

    def __init__(
        self,
        connection: Connection,
        settings: LangSmithSettings,
        redactor: Redactor,
        *,
        owed: Sequence[QueuedItem] = (),
        on_result: OnResult | None = None,
    ) -> None:
        """Send to one destination.

        Args:
            connection: to its server.
            settings: of queue, spool and uploads.
            redactor: applied to everything that is sent or spooled.
            owed: requests that come before any run, which neither server nor spool could take.
            on_result: called with the result of each upload; must not raise.
        """
        self._on_result = on_result
        self._owed = owed
        self._connection = connection
        self._settings = settings
        self._redactor = redactor
        self._queue = DestinationQueue(max_size=settings.max_queue_size, batch_size=settings.upload_batch_size)
        self._uploader = Uploader(connection, batch_size=settings.upload_batch_size, on_result=on_result)
        self._uploading = threading.Lock()
        """Held while a batch of the queue is uploaded: an uploader is for one thread at a time."""
        self._spool = Spool(spool_folder(settings, connection.destination.name), max_bytes=settings.spool_max_bytes)
        self._spool_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._thread_lock = threading.Lock()

    @property
    def counts(self) -> DeliveryCounts:
        """What became of everything so far."""
        return self._queue.counts

    def put(self, items: Sequence[PendingItem], *, hurry: bool = False) -> None:
        """Queue items; those that the queue has no room for are spooled at once."""
        overflow = self._queue.put(items, hurry=hurry)
        if overflow:
            self._keep(self._serialized(overflow), sync=False)
        if self._settings.async_upload:
            self._start_thread()
        else:
            with self._uploading:
                # Another thread may have uploaded these items by now, with its own.
                self._upload(self._queue.take())

    def sampled_out(self, items: Sequence[PendingItem]) -> None:
        """Count items that are not sent on purpose."""
        self._queue.count("sampled_out", items)

    def drain(self, timeout_s: float) -> None:
        """Wait until the queue is empty: everything in it is sent, or on disk."""
        self._queue.wait_until_empty(timeout_s)

    def flush(self, timeout_s: float) -> None:
        """Drain the queue and try the spool again; what cannot be sent in time is spooled."""
        deadline = time.monotonic() + timeout_s
        self.drain(timeout_s)
        self._keep(self._serialized(self._queue.take_all_waiting()))
        self._seal()
        counts = self.counts
        if counts.runs_spooled + counts.updates_spooled + counts.feedback_spooled and time.monotonic() < deadline:
            self._send_spooled(deadline)

    def close(self, timeout_s: float) -> DeliveryCounts:
        """Flush and stop within so many seconds, apart from writing what is left to the spool.

        What is being uploaded still is spooled too: sent twice, it is stored once.
        """
        deadline = time.monotonic() + timeout_s
        self.flush(timeout_s)
        waiting, in_flight = self._queue.close()
        self._keep(self._serialized([*in_flight, *waiting]))
        self._seal()
        if not in_flight:
            if self._thread is not None:
                self._thread.join(timeout=max(0.0, deadline - time.monotonic()))
            self._connection.close()
        return self.counts

    def disown(self) -> None:
        """In a forked child: leave everything here to the parent."""
        self._spool.abandon()

    def _start_thread(self) -> None:
        if self._thread is None:
            with self._thread_lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="trace-writer", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        """Upload batch by batch until the queue is closed."""
        most, interval = _REQUESTS_AT_ONCE * self._settings.upload_batch_size, self._settings.upload_interval_seconds
        while (batch := self._queue.take_when_due(most, timeout_s=interval)) is not None:
            self._upload(batch)

    def _upload(self, batch: Sequence[PendingItem]) -> None:
        if not batch:
            return
        try:
            items = self._serialized(batch)
            try:
                # A run sent before its experiment exists would create a plain project of that name.
                ready = self._requests_done(self._uploader)
                result = self._uploader.upload(items) if ready else UploadResult(postponed=items)
            except Exception:  # noqa: BLE001 - a defect here must cost no trace and no evaluation
                _log.exception("uploading traces failed; they are spooled")
                result = UploadResult(postponed=items, errors=1)
            numbers = {"requests": result.requests, "bytes_sent": result.bytes_sent, "errors": result.errors}
            if self._queue.claim_result(result.sent, result.refused, **numbers):
                self._keep([*result.postponed, *result.refused])
        finally:
            self._queue.finish()

    def _requests_done(self, uploader: Uploader) -> bool:
        """Make the requests that runs depend on; whether all of them are done."""
        if self._owed:
            result = uploader.upload(self._owed)
            self._owed = [*result.postponed, *result.refused]
            if self._owed:
                return False
        folder = self._spool.folder
        if not has_requests(folder):
            return True
        if not uploader.paused:
            flush_folder(folder, uploader, owner=SETUP, wait_s=self._settings.request_timeout_seconds)
        return not has_requests(folder)

    def _serialized(self, batch: Sequence[PendingItem]) -> list[QueuedItem]:
        try:
            return serialize(batch, self._redactor)
        except Exception:  # noqa: BLE001 - one of them is at fault, and must not cost the others
            return self._serialized_one_by_one(batch)

    def _serialized_one_by_one(self, batch: Sequence[PendingItem]) -> list[QueuedItem]:
        items = []
        for pending in batch:
            try:
                items.append(pending.serialized(self._redactor))
            except Exception:  # noqa: BLE001 - as above
                _log.exception("a %s cannot be serialized and is lost", pending.kind)
                self._queue.count("dropped", [pending])
        return items

    def _keep(self, items: Sequence[QueuedItem], *, sync: bool = True) -> None:
        """Spool items, and count those that the spool has no room for as dropped."""
        if not items:
            return
        with self._spool_lock:
            # Sent without the requests that create their experiment, they would create a plain project of that name.
            if self._owed and keep_requests(self._spool.folder, self._owed):
                self._owed = ()
            kept = 0 if self._owed else self._spool.append(items, sync=sync)
        self._queue.count("spooled", items[:kept])
        self._queue.count("dropped", items[kept:])

    def _seal(self) -> None:
        with self._spool_lock:
            self._spool.seal()

    def _send_spooled(self, deadline: float) -> None:
        """Try once more what this process spooled: servers come back."""
        uploader = Uploader(
            self._connection,
            batch_size=self._settings.upload_batch_size,
            until=deadline,
            on_result=self._on_result,
        )
        try:
            if not self._requests_done(uploader):
                return
            report = flush_folder(
                self._spool.folder,
                uploader,
                owner=self._spool.owner,
                wait_s=max(0.0, deadline - time.monotonic()),
            )
        except Exception:  # noqa: BLE001 - as above
            _log.exception("the trace spool could not be sent; it is kept")
            return
        if report.sent:
            self._uploader.breaker.close()
        self._queue.count_flushed(
            runs=report.runs_sent,
            updates=report.updates_sent,
            feedback=report.feedback_sent,
            all_sent=not report.kept,
        )
