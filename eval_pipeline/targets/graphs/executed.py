"""Correct events that are read from messages, where no run shows what was executed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval_pipeline.telemetry.event import Event


@dataclass(kw_only=True)
class ExecutedEvents:
    """The events of one turn as runs would show them.

    A call that a human edited has the arguments that it was executed with, and a result has its tool's name.
    """

    _edits: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=list)
    _names: dict[Any, str] = field(default_factory=dict)

    def edit(self, call: Mapping[str, Any], executed: Mapping[str, Any]) -> None:
        """A human changed a call before it was executed; both are `{name, args}`."""
        self._edits.append((call, executed))

    def corrected(self, event: Event) -> Event:
        """The event as it is reported."""
        if event["type"] == "tool_call":
            call = {"name": event["name"], "args": event["args"]}
            event = {**event, **next((executed for own, executed in self._edits if own == call), {})}
            self._names[event.get("id")] = event["name"]
        elif event["type"] == "tool_result" and event.get("name") is None:
            event = {**event, "name": self._names.get(event.get("id"))}
        return event

    def of_turn(self, events: Sequence[Event], structured: Any) -> Iterator[Event]:
        """All events of the turn, without the call by which a model returned its `structured` response."""
        answers: set[Any] = set()
        for event in events:
            if event["type"] == "tool_call" and structured is not None and event["args"] == structured:
                answers.add(event.get("id"))
            elif event["type"] != "tool_result" or event.get("id") not in answers:
                yield self.corrected(event)
