"""Sending runs and feedback without the evaluation noticing.

`send_runs` puts into a bounded queue; one writer thread a destination redacts, serializes and sends, each run once and
complete. What a server does not take goes to the spool, and so does what the queue has no room for. Nothing here
raises, and nothing is dropped unless the spool is full.
"""

import atexit
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Protocol

from eval_pipeline.langsmith.client import Connection
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import DestinationName, LangSmithSettings
from eval_pipeline.tracing.send.counts import Counts
from eval_pipeline.tracing.send.destination_queue import Lane, Pending
from eval_pipeline.tracing.send.queued_item import Parcel
from eval_pipeline.tracing.shape.run import CompleteRun

_CLOSE_TIMEOUT_S = 5.0


class Sender(Protocol):
    """Where finished runs and feedback are handed to."""

    def send_runs(self, runs: Sequence[CompleteRun], *, graft: bool = False) -> None:
        """Hand over complete runs, parents first. Never raises, never blocks longer than a queue takes."""
        ...

    def send_feedback(self, feedback: Sequence[Mapping[str, Any]]) -> None:
        """Hand over scores, like runs."""
        ...

    def flush(self, timeout_s: float) -> Counts:
        """Wait until everything was sent, or put on disk; what is on disk already is tried again."""
        ...

    @property
    def counts(self) -> Counts:
        """What became of it all so far."""
        ...


class SpoolingSender:
    """The sender of this project: to each destination of the settings, through the spool where need be.

    Everything is made when it is first used, in the process that uses it: a forked child starts with nothing, and
    leaves its parent's queue, sockets and spool files alone.
    """

    def __init__(
        self, settings: LangSmithSettings, *, owed: Mapping[DestinationName, Sequence[Parcel]] | None = None
    ) -> None:
        """`owed`: what a destination has to be told before any run, and the spool could not take (`setting_up.py`)."""
        self._settings = settings
        self._owed = owed or {}
        self._redactor = Redactor.of(settings)
        self._lock = threading.Lock()
        self._pid = 0
        self._lanes: dict[DestinationName, Lane] = {}
        _close_at_exit(self)

    def send_runs(self, runs: Sequence[CompleteRun], *, graft: bool = False) -> None:
        """Hand over complete runs, parents first."""
        self._put([Pending(kind="run", body=run, graft=graft) for run in runs])

    def send_feedback(self, feedback: Sequence[Mapping[str, Any]]) -> None:
        """Hand over scores, as LangSmith's `/feedback` takes them."""
        self._put([Pending(kind="feedback", body=item, graft=False) for item in feedback])

    def flush(self, timeout_s: float) -> Counts:
        """Wait at most so long until everything was sent, or is on disk; the counts of the first destination."""
        for lane in self._own_lanes().values():
            lane.flush(timeout_s)
        return self.counts

    def drain(self, timeout_s: float) -> None:
        """Wait at most so long for room in the queues: until all of it was sent, or is on disk and stays there."""
        for lane in self._own_lanes().values():
            lane.drain(timeout_s)

    @property
    def counts(self) -> Counts:
        """Of the first destination, whose URLs are shown."""
        return next(iter(self.counts_by_destination.values()), Counts())

    @property
    def counts_by_destination(self) -> dict[DestinationName, Counts]:
        """What became of everything, at each destination."""
        return {name: lane.counts for name, lane in self._own_lanes().items()}

    def close(self, timeout_s: float = _CLOSE_TIMEOUT_S) -> Counts:
        """Flush, put on disk what is left, and stop."""
        lanes = self._own_lanes()
        counts = [lane.close(timeout_s) for lane in lanes.values()]
        return counts[0] if counts else Counts()

    def _put(self, pending: list[Pending]) -> None:
        lanes = self._own_lanes()
        if not lanes:
            return
        rate = self._settings.trace_sample_rate
        kept = pending if rate >= 1 else [item for item in pending if is_sampled(item.trace_id, rate)]
        for lane in lanes.values():
            if len(kept) < len(pending):
                lane.sampled_out([item for item in pending if item not in kept])
            lane.put(kept)

    def _own_lanes(self) -> dict[DestinationName, Lane]:
        if self._pid == os.getpid():
            return self._lanes
        if self._pid:
            # The lock may be held by a thread that was not forked with us.
            self._lock = threading.Lock()
        with self._lock:
            if self._pid != os.getpid():
                for lane in self._lanes.values():
                    lane.disown()
                self._lanes = {
                    destination.name: Lane(
                        Connection(destination, self._settings),
                        self._settings,
                        self._redactor,
                        owed=self._owed.get(destination.name, ()),
                    )
                    for destination in self._settings.destinations
                }
                self._pid = os.getpid()
        return self._lanes


def is_sampled(trace_id: str | None, rate: float) -> bool:
    """Whether a trace is among the share that is sent: the same answer everywhere, for all of its runs and scores."""
    if trace_id is None:
        return True
    hashed = int.from_bytes(blake2b(str(trace_id).lower().encode(), digest_size=8).digest(), "big")
    return hashed < rate * 2**64


def _close_at_exit(sender: SpoolingSender) -> None:
    found = weakref.ref(sender)

    def close() -> None:
        alive = found()
        if alive is not None and alive._pid == os.getpid():  # noqa: SLF001 - its own module
            alive.close()

    atexit.register(close)
    forgotten = weakref.finalize(sender, atexit.unregister, close)
    # At exit it would run first, and take away what has to run then.
    forgotten.atexit = False
