"""Reports of a turn while it goes on: by its session, and by an agent that calls `telemetry.emit`."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from eval_pipeline.targets.session import Reply
from eval_pipeline.telemetry.event import Event
from eval_pipeline.telemetry.reporting import Sink, listener
from eval_pipeline.telemetry.turns import ReportedTurn, TimedEvent


@dataclass(kw_only=True)
class ToldEvents:
    """The events of one turn, in the order they were told."""

    events: list[Event] = field(default_factory=list)
    _times: list[dt.datetime] = field(default_factory=list)
    _all: Sequence[Event] | None = None
    """What happened in the turn, as its reply says; None where there is none."""

    def add(self, event: Event) -> None:
        """An event is told now. Pieces of the answer are not kept."""
        if event["type"] != "token":
            self.events.append(event)
            self._times.append(dt.datetime.now(tz=dt.UTC))

    def completed(self, reply: Reply, turn: ReportedTurn) -> Reply:
        """The reply with what the agent reported by itself, in the order of things told."""
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
            reply = replace(reply, events=[*merged, *left])
        self._all = reply.events
        return reply

    def sink(self) -> Sink:
        """Gives the ended turn, with all of its events, to whoever listens to the evaluation."""
        listening = listener()
        if listening is None:
            return _nobody

        def hand_over(turn: ReportedTurn) -> None:
            turn.events = self._timed(turn)
            listening(turn)

        return hand_over

    def _timed(self, turn: ReportedTurn) -> list[TimedEvent | ReportedTurn]:
        """Every event of the turn with the time it was told, and the turns inside of it at theirs."""
        inner = [item for item in turn.events if isinstance(item, ReportedTurn)]
        of_inner = {id(event) for nested in inner for event in _emitted(nested)}
        told = list(zip(self.events, self._times, strict=True))
        found: list[TimedEvent | ReportedTurn] = []
        for event in self.events if self._all is None else self._all:
            place = next((index for index, (known, _) in enumerate(told) if known == event), None)
            at = None if place is None else told.pop(place)[1]
            if id(event) in of_inner:
                continue
            while inner and at is not None and inner[0].started <= at:
                found.append(inner.pop(0))
            found.append(TimedEvent(event=event, at=at))
        return [*found, *inner]


def _emitted(turn: ReportedTurn) -> Iterator[Event]:
    for item in turn.events:
        if isinstance(item, ReportedTurn):
            yield from _emitted(item)
        else:
            yield item.event


def _nobody(_turn: ReportedTurn) -> None:
    """Nobody listens."""
