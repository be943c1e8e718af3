"""The bounded queue of one destination: runs and feedback that wait, those being uploaded, and the counts of all."""

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import fields

from eval_pipeline.tracing.send.delivery_counts import DeliveryCounts
from eval_pipeline.tracing.send.queued_item import ItemKind, PendingItem, QueuedItem

_COUNTED = frozenset(field.name for field in fields(DeliveryCounts))
_PREFIX: Mapping[ItemKind, str] = {
    "run": "runs",
    "update": "updates",
    "feedback": "feedback",
    "request": "requests",
}


class DestinationQueue:
    """A queue that many threads fill and one empties, batch by batch. One lock guards everything in it.

    A batch that was taken is in flight until its result is claimed. The one that closes the queue takes over what is
    in flight too, so that exactly one of the two decides what becomes of a batch.
    """

    def __init__(self, *, max_size: int, batch_size: int) -> None:
        """`max_size`: items that may wait; `batch_size`: items that are worth a request."""
        self._max_size = max_size
        self._batch_size = batch_size
        self._changed = threading.Condition()
        self._waiting: deque[PendingItem] = deque()
        self._in_flight: list[PendingItem] = []
        self._busy = False
        """Whether a batch was taken and is not finished."""
        self._hurried = False
        """Whether something waits that is to be uploaded at once."""
        self._drains = 0
        """Threads that wait for the queue to be empty; meanwhile batches need not be full."""
        self._closed = False
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> DeliveryCounts:
        """What became of everything so far."""
        with self._changed:
            return DeliveryCounts(**{name: number for name, number in self._counts.items() if name in _COUNTED})

    def put(self, items: Sequence[PendingItem], *, hurry: bool = False) -> Sequence[PendingItem]:
        """Add items, and return those that the queue has no room for; all of them once it is closed.

        Items in a hurry, and those before them, do not wait for a batch to be full.
        """
        with self._changed:
            self._count("enqueued", items)
            room = 0 if self._closed else max(0, self._max_size - len(self._waiting))
            self._waiting.extend(items[:room])
            self._hurried = self._hurried or (hurry and bool(self._waiting))
            if self._hurried or len(self._waiting) >= self._batch_size:
                self._changed.notify_all()
            return items[room:]

    def take(self, most: int | None = None) -> list[PendingItem]:
        """Take the oldest items, at most so many; empty if there are none, or the queue is closed."""
        with self._changed:
            return self._take(most)

    def take_when_due(self, most: int, *, timeout_s: float) -> list[PendingItem] | None:
        """Wait for a batch's worth of items, a drain or the time-out, and take the oldest; None once it is closed."""
        with self._changed:
            self._changed.wait_for(self._is_due, timeout=timeout_s)
            return None if self._closed else self._take(most)

    def claim_result(self, sent: Sequence[QueuedItem], refused: Sequence[QueuedItem], **numbers: int) -> bool:
        """Count the result of the batch in flight; False if the queue was closed, and its closer has the batch."""
        with self._changed:
            if self._closed:
                return False
            self._in_flight = []
            self._count("sent", sent)
            self._count("refused", refused)
            self._counts.update(numbers)
            return True

    def finish(self) -> None:
        """The batch in flight is dealt with: sent, or on disk."""
        with self._changed:
            self._busy = False
            self._in_flight = []
            self._changed.notify_all()

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait until nothing waits and no batch is in flight; whether that is so."""
        with self._changed:
            self._drains += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout=timeout_s)
            finally:
                self._drains -= 1

    def take_all_waiting(self) -> list[PendingItem]:
        """Remove everything that waits, for the caller to keep elsewhere."""
        with self._changed:
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting

    def close(self) -> tuple[list[PendingItem], list[PendingItem]]:
        """Close the queue, and remove what waits and what is in flight, for the caller to keep elsewhere."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            in_flight, self._in_flight = self._in_flight, []
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting, in_flight

    def count(self, what: str, items: Sequence[PendingItem | QueuedItem]) -> None:
        """Count items as `spooled`, `dropped` or `sampled_out`."""
        with self._changed:
            self._count(what, items)

    def count_flushed(self, *, runs: int, updates: int, feedback: int, all_sent: bool) -> None:
        """Count what was spooled and is sent now; `all_sent` if nothing of it is left."""
        with self._changed:
            for kind, sent in (("runs", runs), ("updates", updates), ("feedback", feedback)):
                self._counts[f"{kind}_sent"] += sent
                self._counts[f"{kind}_spooled"] -= sent
            if all_sent:
                self._counts["runs_refused"] = self._counts["updates_refused"] = self._counts["feedback_refused"] = 0

    def _take(self, most: int | None) -> list[PendingItem]:
        size = len(self._waiting) if most is None else min(len(self._waiting), most)
        batch = [self._waiting.popleft() for _ in range(size)]
        self._hurried = self._hurried and bool(self._waiting)
        if batch:
            self._in_flight, self._busy = batch, True
        return batch

    def _is_due(self) -> bool:
        full = len(self._waiting) >= self._batch_size
        return self._closed or full or ((self._hurried or self._drains > 0) and bool(self._waiting))

    def _count(self, what: str, items: Sequence[PendingItem | QueuedItem]) -> None:
        for item in items:
            self._counts[f"{_PREFIX[item.kind]}_{what}"] += 1
