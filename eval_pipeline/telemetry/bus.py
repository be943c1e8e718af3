"""The way from turns that ended to handlers, off the path of whoever reports them.

A bounded queue and one thread. Publishing never waits: where handlers are slower than agents the oldest turns give
way, and are counted.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval_pipeline.redaction.logs import logger_of

if TYPE_CHECKING:
    from eval_pipeline.telemetry.turns import Turn

_log = logger_of(__name__)

Handler = Callable[["Turn"], None]


@dataclass(kw_only=True)
class BusCounts:
    """What became of turns."""

    published: int = 0
    handled: int = 0
    dropped: int = 0
    """Given way to newer ones, before any handler saw them."""
    failed: int = 0
    """Times a handler raised."""


class EventBus:
    """Tells handlers of ended turns, in order, in a thread of its own, which begins with the first turn."""

    def __init__(self, *, capacity: int = 10_000) -> None:
        """`capacity` is in turns."""
        self._queue: deque[Turn] = deque(maxlen=capacity)
        self._handlers: list[Handler] = []
        self._changed = threading.Condition()
        self._busy = False
        self._pid: int | None = None
        self.counts = BusCounts()

    def subscribe(self, handler: Handler) -> None:
        """Tell `handler` of every turn from now on."""
        with self._changed:
            if handler not in self._handlers:
                self._handlers.append(handler)

    def unsubscribe(self, handler: Handler) -> None:
        """Tell `handler` no more; of what waits neither. `flush` first where that matters."""
        with self._changed:
            if handler in self._handlers:
                self._handlers.remove(handler)

    def publish(self, turn: "Turn") -> None:
        """Queue an ended turn, if anybody listens. Never waits for a handler."""
        with self._changed:
            if not self._handlers:
                return
            self.counts.published += 1
            if len(self._queue) == self._queue.maxlen:
                self.counts.dropped += 1
                if self.counts.dropped == 1:
                    _log.warning("turns are reported faster than they are handled: the oldest are dropped")
            self._queue.append(turn)
            self._begin()
            self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was published is handled. Returns False if `timeout` (seconds) was not enough."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while self._queue or self._busy:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def _begin(self) -> None:
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
                except Exception:  # noqa: BLE001 - one handler's trouble is nobody else's
                    self.counts.failed += 1
                    _log.exception("a handler of telemetry failed")
            self.counts.handled += 1


BUS = EventBus()
"""Where turns go that nobody else takes."""
