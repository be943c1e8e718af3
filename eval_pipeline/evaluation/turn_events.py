"""The events of a turn in progress, reported by its session and by an agent that calls `telemetry.emit`."""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.executed import as_executed
from eval_pipeline.targets.session import Reply
from eval_pipeline.telemetry.event import Event
from eval_pipeline.telemetry.reporting import Sink, listener
from eval_pipeline.telemetry.turns import ReportedTurn, TimedEvent


@dataclass(kw_only=True)
class TurnEvents:
    """The events of one turn, in the order in which they were reported."""

    events: list[Event] = field(default_factory=list)
    repeats_runs: bool = False
    """Whether the session's events were read from its runs and messages, and no agent reported them."""
    _times: list[dt.datetime] = field(default_factory=list)
    _reply_events: Sequence[Event] | None = None
    """All events of the turn, as its reply has them; None where there is none."""

    def add(self, event: Event) -> None:
        """Add an event, reported now. Pieces of the answer are not kept."""
        if event["type"] != "token":
            self.events.append(event)
            self._times.append(dt.datetime.now(tz=dt.UTC))

    def completed(self, reply: Reply, turn: ReportedTurn, runs: Sequence[CollectedRun]) -> Reply:
        """The reply, with the events that the agent emitted and the calls that its runs show, in order."""
        emitted = {id(event): event for event in _emitted(turn)}
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
        if runs or len(self.events) > len(emitted):
            reply = reply.completed(self.as_executed(reply.events, runs, emitted=list(emitted.values())))
        self._reply_events = reply.events
        return reply

    def as_executed(
        self, events: Sequence[Event], runs: Sequence[CollectedRun], *, emitted: Sequence[Event] = ()
    ) -> list[Event]:
        """Events of the turn, with those that were reported while it ran, corrected by its runs."""
        reported = list(zip(self._times, self.events, strict=True))
        return as_executed(events, runs, reported=reported, emitted=emitted)

    def sink(self) -> Sink:
        """Passes the ended turn, with all of its events, to the listener of the evaluation.

        Of a session whose events only repeat what its runs show, those that the agent emitted are all, and the tokens
        of models that are not traced.
        """
        listening = listener()
        if listening is None:
            return lambda _turn: None

        def pass_on(turn: ReportedTurn) -> None:
            timed = self._timed(turn)
            if self.repeats_runs:
                own = {id(event) for event in _emitted(turn)}
                timed = [item for item in timed if isinstance(item, ReportedTurn) or _is_news(item.event, own)]
            turn.events = timed
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


def _is_news(event: Event, own: Collection[int]) -> bool:
    """Whether no run shows the event: the agent emitted it, or it may be of a model that is not traced."""
    return id(event) in own or event["type"] == "usage"


def _emitted(turn: ReportedTurn) -> Iterator[Event]:
    for item in turn.events:
        if isinstance(item, ReportedTurn):
            yield from _emitted(item)
        else:
            yield item.event
