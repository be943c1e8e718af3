"""A turn as an agent reports it: its inputs, the events until it answers, and its outputs."""

import datetime as dt
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.telemetry.event import Event, unreadable
from eval_pipeline.telemetry.labels import NO_LABELS, TurnLabels
from eval_pipeline.telemetry.plain import plain, text_of

_log = logger_of(__name__)

MOST_EVENTS = 10_000
"""Events that one turn keeps; it counts those beyond."""


@dataclass(frozen=True, kw_only=True)
class TimedEvent:
    """An event and the time it was emitted at; None for an event that was added after the turn."""

    event: Event
    at: dt.datetime | None


@dataclass(kw_only=True)
class ReportedTurn:
    """One turn, in progress or ended. Any thread may add events to it."""

    name: str
    inputs: Mapping[str, Any]
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(tz=dt.UTC))
    events: list[Union[TimedEvent, "ReportedTurn"]] = field(default_factory=list)
    """In order. A turn among them is one of another agent that this agent called."""
    outputs: Mapping[str, Any] | None = None
    error: str | None = None
    ended: dt.datetime | None = None
    dropped: int = 0
    """Events that were not added: unreadable, beyond `MOST_EVENTS`, or emitted after the end."""
    on_event: Callable[[Event], None] | None = None
    """Called with each event as it is emitted."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    labels: TurnLabels = NO_LABELS
    """Its session, tags, metadata and prompt."""
    tokens: list[TimedEvent] = field(default_factory=list)
    """Pieces of answers, of a turn that is shown while it is in progress."""
    on_progress: Callable[["ReportedTurn"], None] | None = None
    """Called after each event, where the turn is shown while it is in progress."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def emit(self, event: Event) -> bool:
        """Add a copy of the event, without raising. Returns whether it was added."""
        try:
            data = plain(event)
            problem = unreadable(data)
            if problem is not None:
                return self._drop(problem)
            copied = json.loads(json.dumps(data))
            if not self._add(TimedEvent(event=copied, at=dt.datetime.now(tz=dt.UTC))):
                return self._drop("the turn has ended, or has too many events")
            if self.on_event is not None:
                self.on_event(copied)
            if self.on_progress is not None:
                self.on_progress(self)
        except Exception as error:  # noqa: BLE001 - a faulty report must not fail the agent
            return self._drop(f"{type(error).__name__}: {text_of(error)}")
        return True

    def add_turn(self, turn: "ReportedTurn") -> None:
        """Add the ended turn of an agent that this turn's agent called, or count it as dropped."""
        if not self._add(turn):
            self._drop("the outer turn has ended, or has too many events")
        elif self.on_progress is not None:
            self.on_progress(self)

    def answer(self, outputs: Any) -> None:
        """Set the turn's outputs; anything but a mapping becomes `{"output": outputs}`."""
        self.outputs = outputs if isinstance(outputs, Mapping) else {"output": outputs}

    def end(self, error: BaseException | None = None) -> None:
        """End the turn: it adds no further events."""
        with self._lock:
            self.ended = dt.datetime.now(tz=dt.UTC)
        if error is not None:
            self.error = f"{type(error).__name__}: {text_of(error)}"

    def _add(self, item: Union[TimedEvent, "ReportedTurn"]) -> bool:
        if isinstance(item, TimedEvent) and item.event["type"] == "token":
            if self.on_progress is not None and len(self.tokens) < MOST_EVENTS:
                self.tokens.append(item)
            return True
        with self._lock:
            room = self.ended is None and len(self.events) < MOST_EVENTS
            if room:
                self.events.append(item)
            return room

    def _drop(self, reason: str) -> bool:
        with self._lock:
            self.dropped += 1
            first = self.dropped == 1
        if first:
            _log.warning("an event of the turn %r is dropped: %s", self.name, reason)
        return False
