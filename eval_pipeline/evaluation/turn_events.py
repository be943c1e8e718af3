"""The events of a turn in progress, reported by its session and by an agent that calls `telemetry.emit`."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from eval_pipeline.targets.session import Reply
from eval_pipeline.telemetry.event import Event
from eval_pipeline.telemetry.reporting import Sink, listener
from eval_pipeline.telemetry.turns import ReportedTurn, TimedEvent


@dataclass(kw_only=True)
class TurnEvents:
    """The events of one turn, in the order in which they were reported."""

    events: list[Event] = field(default_factory=list)
    _times: list[dt.datetime] = field(default_factory=list)
    _reply_events: Sequence[Event] | None = None
    """All events of the turn, as its reply has them; None where there is none."""

    def add(self, event: Event) -> None:
        """Add an event, reported now. Pieces of the answer are not kept."""
        if event["type"] != "token":
            self.events.append(event)
            self._times.append(dt.datetime.now(tz=dt.UTC))

    def completed(self, reply: Reply, turn: ReportedTurn) -> Reply:
        """The reply, with the events that the agent emitted, in the order in which all were reported."""
        emitted = {id(event) for event in _emitted(turn)}
        if emitted:
            left = list(reply.events)
            merged: list[Event] = []
            for event in self.events:
                if id(event) in emitted:
                    merged.append(event)
                elif event in left:
                    left.remove(event)
                    merged.append(event)
            reply = reply.completed([*merged, *left])
        self._reply_events = reply.events
        return reply

    def sink(self) -> Sink:
        """Passes the ended turn, with all of its events, to the listener of the evaluation."""
        listening = listener()
        if listening is None:
            return lambda _turn: None

        def pass_on(turn: ReportedTurn) -> None:
            turn.events = self._timed(turn)
            listening(turn)

        return pass_on

    def _timed(self, turn: ReportedTurn) -> list[TimedEvent | ReportedTurn]:
        """Every event of the turn with the time of its report, and the turns inside of it at theirs."""
        inner = [item for item in turn.events if isinstance(item, ReportedTurn)]
        of_inner = {id(event) for nested in inner for event in _emitted(nested)}
        reported = list(zip(self.events, self._times, strict=True))
        timed: list[TimedEvent | ReportedTurn] = []
        for event in self.events if self._reply_events is None else self._reply_events:
            place = next((index for index, (other, _) in enumerate(reported) if other == event), None)
            at = None if place is None else reported.pop(place)[1]
            if id(event) in of_inner:
                continue
            while inner and at is not None and inner[0].started <= at:
                timed.append(inner.pop(0))
            timed.append(TimedEvent(event=event, at=at))
        return [*timed, *inner]


def _emitted(turn: ReportedTurn) -> Iterator[Event]:
    for item in turn.events:
        if isinstance(item, ReportedTurn):
            yield from _emitted(item)
        else:
            yield item.event
