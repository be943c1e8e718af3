"""Deliver turns, and what becomes of their traces, to handlers in a thread of the bus: agents wait for no handler.

The queue is bounded: where handlers are slower than agents, the oldest turns are dropped and counted.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.telemetry.turns import ReportedTurn

_log = logger_of(__name__)

Handler = Callable[[Any], None]


@runtime_checkable
class TurnTracer(Protocol):
    """A handler that makes traces, and shows turns in progress."""

    def __call__(self, turn: ReportedTurn, /) -> None:
        """Take an ended turn."""

    def begin(self, turn: ReportedTurn, /) -> None:
        """Take a turn that begins, in its own thread and context; returns at once."""

    def progress(self, turn: ReportedTurn, /) -> None:
        """Take a turn that has begun, or has new events."""


@dataclass(kw_only=True)
class BusCounts:
    """How many turns a bus published, handled and dropped."""

    published: int = 0
    handled: int = 0
    dropped: int = 0
    """Turns that newer ones displaced before a handler received them."""
    failed: int = 0
    """Exceptions that handlers raised."""


@dataclass(frozen=True, kw_only=True)
class _Delivery:
    event: Any
    to: TurnTracer | None = None
    """The only handler it is for; None for all that subscribed to its type."""


class EventBus:
    """Calls each handler with each ended turn, in order. Its thread starts with the first turn."""

    def __init__(self, *, capacity: int = 10_000) -> None:
        """`capacity` is in turns."""
        self._queue: deque[_Delivery] = deque(maxlen=capacity)
        self._in_progress: dict[tuple[str, int], _Delivery] = {}
        """Turns with news, each once, until a handler is free; by the turn and the handler it is for."""
        self._handlers: list[tuple[type, Handler]] = []
        self._changed = threading.Condition()
        self._busy = False
        self._pid: int | None = None
        self.counts = BusCounts()

    def subscribe(self, handler: Handler, event_type: type = ReportedTurn) -> None:
        """Call `handler` with every ended turn from now on, or with every event of another type."""
        with self._changed:
            if (event_type, handler) not in self._handlers:
                self._handlers.append((event_type, handler))

    def unsubscribe(self, handler: Handler) -> None:
        """Stop calling `handler`, also for turns still in the queue; call `flush` first to have them handled."""
        with self._changed:
            self._handlers = [(kind, other) for kind, other in self._handlers if other != handler]

    @property
    def tracers(self) -> list[TurnTracer]:
        """The handlers that show turns in progress."""
        return [handler for _, handler in list(self._handlers) if isinstance(handler, TurnTracer)]

    def begin(self, turn: ReportedTurn, *, to: TurnTracer | None = None) -> None:
        """Report that a turn begins, in the thread and the context in which it does. Never waits, and never raises."""
        self._call([tracer.begin for tracer in (self.tracers if to is None else [to])], turn)
        self.progress(turn, to=to)

    def has_handlers_of(self, event_type: type) -> bool:
        """Whether a handler has subscribed to a type of events."""
        return bool(self._handlers_of(event_type))

    def progress(self, turn: ReportedTurn, *, to: TurnTracer | None = None) -> None:
        """Report that a turn has begun or has new events. Never waits; busy handlers are called once, later."""
        with self._changed:
            if to is None and not self._handlers:
                return
            self._in_progress[turn.id, id(to)] = _Delivery(event=turn, to=to)
            self._start_thread()
            self._changed.notify_all()

    def publish(self, event: Any, *, to: TurnTracer | None = None) -> None:
        """Queue an ended turn, or an event of another type, if there are handlers. Never waits for one.

        Args:
            event: what handlers of its type are called with.
            to: the only handler to call.
        """
        with self._changed:
            of_turns = isinstance(event, ReportedTurn)
            if of_turns:
                self._in_progress.pop((event.id, id(to)), None)
            if to is None and not self._handlers_of(type(event)):
                return
            self.counts.published += of_turns
            if len(self._queue) == self._queue.maxlen:
                self.counts.dropped += isinstance(self._queue[0].event, ReportedTurn)
                if self.counts.dropped == 1:
                    _log.warning("turns are reported faster than they are handled: the oldest are dropped")
            self._queue.append(_Delivery(event=event, to=to))
            self._start_thread()
            self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every published turn is handled. Returns False after `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while self._queue or self._in_progress or self._busy:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def _handlers_of(self, event_type: type) -> list[Handler]:
        return [handler for kind, handler in self._handlers if issubclass(event_type, kind)]

    def _start_thread(self) -> None:
        # A forked process has the object and not the thread.
        if self._pid != os.getpid():
            self._pid, self._busy = os.getpid(), False
            threading.Thread(target=self._run, name="eval_pipeline telemetry", daemon=True).start()

    def _run(self) -> None:
        progress_next = True
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                while not self._queue and not self._in_progress:
                    self._changed.wait()
                # In turn, so that neither waits for the other.
                is_progress = bool(self._in_progress) and (progress_next or not self._queue)
                progress_next = not is_progress
                if is_progress:
                    delivery = self._in_progress.pop(next(iter(self._in_progress)))
                else:
                    delivery = self._queue.popleft()
                handlers = [delivery.to] if delivery.to is not None else self._handlers_of(type(delivery.event))
                self._busy = True
            if is_progress:
                handlers = [handler.progress for handler in handlers if isinstance(handler, TurnTracer)]
            self._call(handlers, delivery.event)
            if not is_progress:
                self.counts.handled += isinstance(delivery.event, ReportedTurn)

    def _call(self, handlers: Sequence[Handler], event: Any) -> None:
        for handler in handlers:
            try:
                handler(event)
            except Exception:  # noqa: BLE001 - one handler's error must not keep the turn from the others
                self.counts.failed += 1
                _log.exception("a telemetry handler failed")


BUS = EventBus()
"""Receives the turns that have neither an outer turn nor a sink."""
