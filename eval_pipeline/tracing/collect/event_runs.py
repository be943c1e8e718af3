"""Build runs from the events of a turn, where LangChain and LangSmith traced none.

    target                the agent, a chain                  (also: an agent that was handed to, or asked)
    └── gpt-4o            each `usage` event, an llm          its tokens, its model, its message and tool calls
        └── find_order    each `tool_call` event, a tool      its arguments, its result or error

A tool is a child of the model call that requested it: the last `usage` event before it, or, where a call is reported
before the usage of its model call (as in a list of messages), the next one. Times are those at which events were
reported, and `latency_s` where an event has it; of events reported afterwards only the order is known, and their runs
take no time.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langsmith.run_helpers import get_current_run_tree

from eval_pipeline.langsmith.protocol.jsonable import as_object, json_bytes
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.collecting_client import ids_of_path
from eval_pipeline.telemetry.event import Event
from eval_pipeline.telemetry.turns import ReportedTurn, TimedEvent
from eval_pipeline.tracing.collect.event_fields import (
    as_text,
    error_of,
    is_answer,
    model_metadata,
    tool_call_of,
    usage_metadata,
)
from eval_pipeline.tracing.shape.run import MICROSECOND, uuid7_at

FROM_EVENTS = "reported_as_events"
"""Metadata of a run that was built from events."""
UNTIMED = "time_not_reported"
"""Metadata of such a run whose events were reported afterwards."""


@dataclass(frozen=True, kw_only=True)
class AlreadyTraced:
    """What LangChain or LangSmith traced in a turn, so that no run is built twice."""

    anything: bool = False
    models: bool = False
    tools: frozenset[str] = frozenset()
    """Names of the tools."""

    @classmethod
    def below(cls, run_id: str, collected: Iterable[CollectedRun]) -> "AlreadyTraced":
        """What was traced below a run."""
        runs = [run for run in collected if run_id in run.parent_ids]
        return cls(
            anything=bool(runs),
            models=any(run.run_type == "llm" for run in runs),
            tools=frozenset(run.name for run in runs if run.run_type == "tool"),
        )


_NOTHING_TRACED = AlreadyTraced()


def runs_of_turn(
    turn: ReportedTurn, parent_ids: Sequence[str], traced: AlreadyTraced = _NOTHING_TRACED, *, keep: bool = False
) -> list[CollectedRun]:
    """The runs of an ended turn, parents first; empty if everything in it is traced already.

    Args:
        turn: the turn and its events, each with its time.
        parent_ids: its ancestors, from the root to the parent.
        traced: what is traced already.
        keep: whether an empty turn becomes a run too.
    """
    reading = _Reading(turn, parent_ids, traced)
    for item in turn.events:
        reading.take(item)
    return reading.runs(keep=keep)


@dataclass(kw_only=True, eq=False)
class _Model:
    """A model call, and the message it returned."""

    run: CollectedRun
    answer: dict[str, Any]
    calls: list["_Call"] = field(default_factory=list)

    def request(self, call: "_Call") -> None:
        """Make this model, and no other, the one that requested a tool call."""
        if call.model is not None:
            call.model.calls.remove(call)
            call.model.update_message()
        call.model = self
        self.calls.append(call)
        self.update_message()

    def update_message(self) -> None:
        self.answer["tool_calls"] = [tool_call_of(call.event) for call in self.calls]


@dataclass(kw_only=True, eq=False)
class _Call:
    """A tool call, and what is known of it so far."""

    event: Event
    start: dt.datetime
    untimed: bool
    agent: "_Agent"
    model: _Model | None = None
    result: Event | None = None
    end: dt.datetime | None = None
    error: str | None = None
    inner: list[ReportedTurn] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        return self.result is None and self.error is None


@dataclass(kw_only=True, eq=False)
class _Agent:
    """A chain, and its state while events are read."""

    run: CollectedRun
    last: _Model | None = None
    calls: list[_Call] = field(default_factory=list)
    """Tool calls since its last model call."""
    messages: list[str] = field(default_factory=list)
    """Texts since its last model call."""

    @property
    def path(self) -> list[str]:
        return [*self.run.parent_ids, self.run.id]


class _Reading:
    """Reads one turn event by event."""

    def __init__(self, turn: ReportedTurn, path: Sequence[str], traced: AlreadyTraced) -> None:
        self._turn, self._traced = turn, traced
        self._now = self._idle_since = turn.started
        self._ended = turn.ended or turn.started
        self._runs: list[CollectedRun] = []
        self._nested: list[CollectedRun] = []
        self._models: list[_Model] = []
        self._by_id: dict[Any, _Model] = {}
        self._calls: list[_Call] = []
        self._exchange: list[dict[str, Any]] = [{"role": "user", "content": as_text(turn.inputs)}]
        self._numbers = 0
        chain = self._run(turn.name, "chain", path, turn.started, self._ended)
        chain.error = turn.error
        self._chain = chain
        self._agent = _Agent(run=chain)

    # -- event by event

    def take(self, item: TimedEvent | ReportedTurn) -> None:
        if isinstance(item, ReportedTurn):
            self._turn_inside(item)
            return
        event, untimed = item.event, item.at is None
        self._advance(item)
        match event["type"]:
            case "message":
                self._agent.messages.append(as_text(event.get("content")))
            case "tool_call":
                self._called(event, untimed=untimed)
            case "tool_result":
                self._returned(event, untimed=untimed)
            case "usage":
                self._model_call(event, untimed=untimed)
            case "handoff":
                self._hand_off(event)
            case "error":
                self._broke(as_text(event.get("content")))

    def _advance(self, item: TimedEvent) -> None:
        if item.at is not None:
            self._now = max(self._now, item.at)
            return
        took = item.event.get("latency_s")
        # At least a microsecond, so that runs stay in order.
        self._now += MICROSECOND if took is None else max(MICROSECOND, dt.timedelta(seconds=float(took)))

    def _start(self, event: Event, otherwise: dt.datetime) -> dt.datetime:
        took = event.get("latency_s")
        began = otherwise if took is None else self._now - dt.timedelta(seconds=float(took))
        return max(began, self._turn.started)

    def _called(self, event: Event, *, untimed: bool) -> None:
        call = _Call(event=event, start=self._now, untimed=untimed, agent=self._agent)
        if self._agent.last is not None:
            self._agent.last.request(call)
        self._agent.calls.append(call)
        self._calls.append(call)

    def _returned(self, event: Event, *, untimed: bool) -> None:
        call = next((call for call in self._calls if call.waits and is_answer(event, call.event)), None)
        if call is None:
            return
        call.result, call.end, call.error = event, self._now, error_of(event)
        call.start = self._start(event, call.start)
        call.untimed = untimed and event.get("latency_s") is None
        self._idle_since = self._now
        content = as_text(event.get("content"))
        message = {"role": "tool", "name": str(call.event["name"]), "content": content}
        self._exchange.append({**message, "tool_call_id": call.event.get("id")})

    def _model_call(self, event: Event, *, untimed: bool) -> None:
        agent = self._agent
        if event.get("id") in self._by_id:  # what it used so far: the last counts
            run = self._by_id[event["id"]].run
            run.extra = {"metadata": {**run.extra["metadata"], "usage_metadata": usage_metadata(event)}}
            run.end_time = max(run.end_time, self._now)
            return
        untimed = untimed and event.get("latency_s") is None
        # Calls that have a result and a model stay with that model.
        mine = [call for call in agent.calls if call.waits or call.model is None]
        start = self._start(event, self._now if untimed else self._idle_since)
        start = min([start, *(call.start for call in mine)])
        run = self._run(str(event.get("model") or "model"), "llm", agent.path, start, self._now, untimed=untimed)
        run.inputs = json_bytes({"messages": event.get("messages") or self._exchange})
        usage = {"usage_metadata": usage_metadata(event)}
        run.extra = {"metadata": {**run.extra["metadata"], **model_metadata(event), **usage}}
        model = _Model(run=run, answer={"role": "assistant", "content": "\n".join(agent.messages)})
        for call in mine:
            model.request(call)
        self._exchange.append(model.answer)
        self._models.append(model)
        if event.get("id"):
            self._by_id[event["id"]] = model
        agent.last, agent.calls, agent.messages = model, [], []
        self._idle_since = self._now

    def _hand_off(self, event: Event) -> None:
        if self._agent.run is not self._chain:
            self._agent.run.end_time = self._now
        path = [*self._chain.parent_ids, self._chain.id]
        run = self._run(str(event.get("to") or "agent"), "chain", path, self._now, self._ended)
        run.inputs = json_bytes({"handed_over_by": event.get("from")})
        self._agent = _Agent(run=run)
        self._runs.append(run)

    def _broke(self, message: str) -> None:
        """Give the error to the tool without a result, else to the agent."""
        waiting = [call for call in self._calls if call.waits]
        if waiting:
            waiting[-1].error, waiting[-1].end = message, self._now
        elif self._agent.run.error is None:
            self._agent.run.error = message

    def _turn_inside(self, inner: ReportedTurn) -> None:
        """Place the turn of another agent: below the tool without a result, else below the agent."""
        waiting = [call for call in self._calls if call.waits and call.start <= inner.started]
        if waiting:
            waiting[-1].inner.append(inner)
        else:
            self._nested += runs_of_turn(inner, self._agent.path, self._traced, keep=True)
        self._now = max(self._now, inner.ended or inner.started)

    # -- the result

    def runs(self, *, keep: bool) -> list[CollectedRun]:
        self._complete_models()
        for call in self._calls:
            self._tool(call)
        runs = self._runs
        if self._traced.anything:
            # LangChain traces the agents it runs: of reported agents keep only those with runs of their own.
            parents = {parent for run in runs for parent in run.parent_ids}
            runs = [run for run in runs if run.run_type != "chain" or run.id in parents]
        runs = sorted(runs, key=lambda run: len(run.parent_ids))
        if not keep and not self._turn.dropped and (not runs or self._traced.anything):
            # An agent that reports its own turns: they replace the chain, as the runs of one that is traced do.
            return [_without_parent(run, self._chain.id) for run in [*runs, *self._nested]]
        self._chain.inputs = json_bytes(as_object(self._turn.inputs))
        self._chain.outputs = None if self._turn.outputs is None else json_bytes(as_object(self._turn.outputs))
        if self._turn.dropped:
            metadata = {**self._chain.extra["metadata"], "events_dropped": self._turn.dropped}
            self._chain.extra = {"metadata": metadata}
        return [self._chain, *runs, *self._nested]

    def _complete_models(self) -> None:
        if self._traced.models:
            return
        last = self._agent.last
        if last is not None and not last.calls and self._turn.outputs is not None:
            last.answer["content"] = as_text(self._turn.outputs.get("response", self._turn.outputs))
        for model in self._models:
            model.run.outputs = json_bytes({"messages": [model.answer]})
            self._runs.append(model.run)

    def _tool(self, call: _Call) -> None:
        name = str(call.event["name"])
        # A model's structured answer looks like a call but is none.
        if name in self._traced.tools or (call.waits and self._traced.models):
            return
        above = call.agent.run if call.model is None or self._traced.models else call.model.run
        path = [*above.parent_ids, above.id]
        broke_off = call.waits and self._turn.error is not None
        end = call.end or (self._ended if broke_off else call.start)
        run = self._run(name, "tool", path, call.start, end, untimed=call.untimed)
        run.inputs = json_bytes(as_object(call.event["args"]))
        run.outputs = None if call.result is None else json_bytes({"output": call.result.get("content")})
        run.error = self._turn.error if broke_off else call.error
        if call.event.get("id") is not None:
            run.extra = {"metadata": {**run.extra["metadata"], "tool_call_id": str(call.event["id"])}}
        self._runs.append(run)
        for inner in call.inner:
            self._nested += runs_of_turn(inner, [*path, run.id], self._traced, keep=True)

    def _run(
        self,
        name: str,
        run_type: str,
        path: Sequence[str],
        start: dt.datetime,
        end: dt.datetime,
        *,
        untimed: bool = False,
    ) -> CollectedRun:
        self._numbers += 1
        return CollectedRun(
            id=uuid7_at(start, *path, name, str(self._turn.started), str(self._numbers)),
            parent_ids=list(path),
            name=name,
            run_type=run_type,
            start_time=start,
            end_time=max(end, start),
            extra={"metadata": {FROM_EVENTS: True, **({UNTIMED: True} if untimed else {})}},
        )


def _without_parent(run: CollectedRun, left_out: str) -> CollectedRun:
    run.parent_ids = [parent for parent in run.parent_ids if parent != left_out]
    return run


@dataclass(kw_only=True)
class ReportedTurns:
    """The turns that agents reported during one attempt, until its trace is completed."""

    _turns: list[tuple[list[str], ReportedTurn]] = field(default_factory=list)

    def add(self, turn: ReportedTurn) -> None:
        """Keep a turn that ended now, below the run that is current now."""
        parent = get_current_run_tree()
        if parent is not None:
            self._turns.append((ids_of_path(parent.dotted_order), turn))

    def runs(self, root_id: str, collected: Sequence[CollectedRun]) -> list[CollectedRun]:
        """The runs of all turns below the attempt's root, besides those collected already."""
        runs: list[CollectedRun] = []
        for path, turn in self._turns:
            if root_id in path:
                below_root = path[path.index(root_id) :]
                runs += runs_of_turn(turn, below_root, AlreadyTraced.below(below_root[-1], collected))
        return runs
