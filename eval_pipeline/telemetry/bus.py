"""Deliver ended turns to handlers in a thread of the bus, so that agents never wait for a handler.

The queue is bounded: where handlers are slower than agents, the oldest turns are dropped and counted.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.telemetry.turns import ReportedTurn

_log = logger_of(__name__)

Handler = Callable[[ReportedTurn], None]


@dataclass(kw_only=True)
class BusCounts:
    """How many turns a bus published, handled and dropped."""

    published: int = 0
    handled: int = 0
    dropped: int = 0
    """Turns that newer ones displaced before a handler received them."""
    failed: int = 0
    """Exceptions that handlers raised."""


class EventBus:
    """Calls each handler with each ended turn, in order. Its thread starts with the first turn."""

    def __init__(self, *, capacity: int = 10_000) -> None:
        """`capacity` is in turns."""
        self._queue: deque[ReportedTurn] = deque(maxlen=capacity)
        self._handlers: list[Handler] = []
        self._changed = threading.Condition()
        self._busy = False
        self._pid: int | None = None
        self.counts = BusCounts()

    def subscribe(self, handler: Handler) -> None:
        """Call `handler` with every turn from now on."""
        with self._changed:
            if handler not in self._handlers:
                self._handlers.append(handler)

    def unsubscribe(self, handler: Handler) -> None:
        """Stop calling `handler`, also for turns still in the queue; call `flush` first to have them handled."""
        with self._changed:
            if handler in self._handlers:
                self._handlers.remove(handler)

    def publish(self, turn: ReportedTurn) -> None:
        """Queue an ended turn if there are handlers. Never waits for one."""
        with self._changed:
            if not self._handlers:
                return
            self.counts.published += 1
            if len(self._queue) == self._queue.maxlen:
                self.counts.dropped += 1
                if self.counts.dropped == 1:
                    _log.warning("turns are reported faster than they are handled: the oldest are dropped")
            self._queue.append(turn)
            self._start_thread()
            self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every published turn is handled. Returns False after `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while self._queue or self._busy:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def _start_thread(self) -> None:
        # A forked process has the object and not the thread.
        if self._pid != os.getpid():
            self._pid, self._busy = os.getpid(), False
            threading.Thread(target=self._run, name="eval_pipeline telemetry", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                while not self._queue:
                    self._changed.wait()
                turn, handlers = self._queue.popleft(), list(self._handlers)
                self._busy = True
            for handler in handlers:
                try:
                    handler(turn)
                except Exception:  # noqa: BLE001 - one handler's error must not keep the turn from the others
                    self.counts.failed += 1
                    _log.exception("a telemetry handler failed")
            self.counts.handled += 1


BUS = EventBus()
"""Receives the turns that have neither an outer turn nor a sink."""
