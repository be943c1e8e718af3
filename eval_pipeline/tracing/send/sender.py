"""Send runs and feedback in the background of an evaluation.

`send_runs` puts them into a bounded queue; one thread per destination redacts, serializes and uploads, each run once
and complete. What a server does not take is spooled, and so is what the queue has no room for. Nothing here raises,
and nothing is dropped unless the spool is full.
"""

import atexit
import os
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import DestinationName, LangSmithSettings
from eval_pipeline.tracing.send.delivery_counts import DeliveryCounts
from eval_pipeline.tracing.send.destination_sender import DestinationSender
from eval_pipeline.tracing.send.queued_item import PendingItem, QueuedItem, without_hidden
from eval_pipeline.tracing.send.sampling import is_sampled
from eval_pipeline.tracing.send.uploader import OnResult
from eval_pipeline.tracing.shape.run import CompleteRun

_CLOSE_TIMEOUT_S = 5.0


class SpoolingSender:
    """Sends to every destination of the settings, and spools what cannot be sent.

    Queues, threads and sockets are created on first use, in the process that uses them: a forked child starts with
    none, and leaves those of its parent alone.
    """

    def __init__(
        self,
        settings: LangSmithSettings,
        *,
        owed: Mapping[DestinationName, Sequence[QueuedItem]] | None = None,
        on_result: OnResult | None = None,
    ) -> None:
        """Send to the destinations of the settings.

        Args:
            settings: of destinations, queue, spool and uploads.
            owed: by destination, requests that come before any run, which the spool could not take.
            on_result: called with the result of each upload, in the thread that uploads; must not raise.
        """
        self._on_result = on_result
        self._settings = settings
        self._owed = owed or {}
        self._redactor = Redactor.of(settings)
        self._lock = threading.Lock()
        self._pid = 0
        self._senders: dict[DestinationName, DestinationSender] = {}
        _close_at_exit(self)

    def send_runs(self, runs: Sequence[CompleteRun], *, graft: bool = False, hurry: bool = False) -> None:
        """Hand over runs, parents first: complete ones, or such as have just begun, which are in a hurry."""
        self._put([PendingItem(kind="run", body=run, graft=graft) for run in runs], hurry=hurry)

    def update_runs(self, runs: Sequence[CompleteRun]) -> None:
        """Hand over, complete, runs that were sent when they began. A server takes one update of each."""
        self._put([PendingItem(kind="update", body=run, graft=False) for run in runs])

    def send_feedback(self, feedback: Sequence[Mapping[str, Any]]) -> None:
        """Hand over scores, as LangSmith's `/feedback` takes them."""
        self._put([PendingItem(kind="feedback", body=each, graft=False) for each in feedback])

    def flush(self, timeout_s: float) -> DeliveryCounts:
        """Wait at most so long until everything is sent or on disk; the counts of the first destination."""
        for sender in self._own_senders().values():
            sender.flush(timeout_s)
        return self.counts

    def drain(self, timeout_s: float) -> None:
        """Wait at most so long until the queues are empty; what is on disk stays there."""
        for sender in self._own_senders().values():
            sender.drain(timeout_s)

    @property
    def counts(self) -> DeliveryCounts:
        """The counts of the first destination, whose URLs are shown."""
        return next(iter(self.counts_by_destination.values()), DeliveryCounts())

    @property
    def counts_by_destination(self) -> dict[DestinationName, DeliveryCounts]:
        """What became of everything, at each destination."""
        return {name: sender.counts for name, sender in self._own_senders().items()}

    def close(self, timeout_s: float = _CLOSE_TIMEOUT_S) -> DeliveryCounts:
        """Flush, spool what is left, and stop; the counts of the first destination. All together take so long."""
        deadline = time.monotonic() + timeout_s
        counts = [sender.close(max(0.0, deadline - time.monotonic())) for sender in self._own_senders().values()]
        return counts[0] if counts else DeliveryCounts()

    def _put(self, items: Sequence[PendingItem], *, hurry: bool = False) -> None:
        senders, hidden = self._own_senders(), self._settings.hidden_fields
        items = [without_hidden(item, hidden) for item in items] if hidden else items
        rate = self._settings.trace_sample_rate
        sampled = items if rate >= 1 else [item for item in items if is_sampled(item.trace_id, rate)]
        left_out = [] if rate >= 1 else [item for item in items if not is_sampled(item.trace_id, rate)]
        for sender in senders.values():
            sender.sampled_out(left_out)
            sender.put(sampled, hurry=hurry)

    def _own_senders(self) -> dict[DestinationName, DestinationSender]:
        if self._pid == os.getpid():
            return self._senders
        if self._pid:
            # The lock may be held by a thread that was not forked with us.
            self._lock = threading.Lock()
        with self._lock:
            if self._pid != os.getpid():
                for sender in self._senders.values():
                    sender.disown()
                self._senders = {
                    destination.name: DestinationSender(
                        Connection(destination, self._settings),
                        self._settings,
                        self._redactor,
                        owed=self._owed.get(destination.name, ()),
                        on_result=self._on_result,
                    )
                    for destination in self._settings.destinations
                }
                self._pid = os.getpid()
        return self._senders


def _close_at_exit(sender: SpoolingSender) -> None:
    reference = weakref.ref(sender)

    def close() -> None:
        alive = reference()
        if alive is not None and alive._pid == os.getpid():  # noqa: SLF001 - its own module
            alive.close()

    atexit.register(close)
    unregistering = weakref.finalize(sender, atexit.unregister, close)
    # At exit it would run first, and take away what has to run then.
    unregistering.atexit = False
