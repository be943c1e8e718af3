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
from collections.abc import Sequence
from typing import Any

from eval_pipeline.langsmith.protocol.jsonable import as_object, json_bytes
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.telemetry.event import Event
from eval_pipeline.telemetry.turns import ReportedTurn, TimedEvent
from eval_pipeline.tracing.collect.event_fields import (
    as_text,
    error_of,
    is_answer,
    model_metadata,
    usage_metadata,
)
from eval_pipeline.tracing.collect.turn_parts import AgentRun, AlreadyTraced, ModelCall, ToolCall
from eval_pipeline.tracing.shape.run import MICROSECOND, uuid7_at

FROM_EVENTS = "reported_as_events"
"""Metadata of a run that was built from events."""
UNTIMED = "time_not_reported"
"""Metadata of such a run whose events were reported afterwards."""


_NOTHING_TRACED = AlreadyTraced()
_MODEL = "model"
_PROMPT_FIELDS = ("prompt_ns", "prompt_key", "prompt_name", "adapter", "descriptor")


def runs_of_turn(
    turn: ReportedTurn,
    parent_ids: Sequence[str],
    traced: AlreadyTraced = _NOTHING_TRACED,
    *,
    keep: bool = False,
    seed: str = "",
) -> list[CollectedRun]:
    """The runs of an ended turn, parents first; empty if everything in it is traced already.

    Args:
        turn: the turn and its events, each with its time.
        parent_ids: its ancestors, from the root to the parent.
        traced: what is traced already.
        keep: whether an empty turn becomes a run too.
        seed: of the ids, besides the turn's own.
    """
    reading = TurnReading(turn, parent_ids, traced, seed=seed)
    for item in turn.events:
        reading.take(item)
    return reading.runs(keep=keep)


class TurnReading:
    """Reads one turn event by event, while it is in progress or afterwards."""

    def __init__(
        self, turn: ReportedTurn, path: Sequence[str], traced: AlreadyTraced = _NOTHING_TRACED, *, seed: str = ""
    ) -> None:
        """Read a turn.

        Args:
            turn: the turn.
            path: its ancestors, from the root to the parent.
            traced: what is traced already.
            seed: of the ids, besides the turn's own.
        """
        self._turn, self._traced, self._seed = turn, traced, seed
        self._now = self._idle_since = turn.started
        self._ended = turn.ended or turn.started
        self._begun: list[CollectedRun] = []
        self._final: list[CollectedRun] = []
        self._streaming: CollectedRun | None = None
        """The model call whose pieces arrive."""
        self._tokens_read = 0
        self._runs: list[CollectedRun] = []
        self._nested: list[CollectedRun] = []
        self._models: list[ModelCall] = []
        self._by_id: dict[Any, ModelCall] = {}
        self._calls: list[ToolCall] = []
        self._exchange: list[dict[str, Any]] = [{"role": "user", "content": as_text(turn.inputs)}]
        self._numbers = 0
        chain = self._run(turn.name, "chain", path, turn.started, self._ended)
        chain.error = turn.error
        self._chain = chain
        self._agent = AgentRun(run=chain)

    # -- event by event

    def take(self, item: TimedEvent | ReportedTurn) -> None:
        """Read one event, or the ended turn of an agent that was called."""
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
            case "prompt_rendered":
                self._rendered(event)
            case other:
                fields = {key: value for key, value in event.items() if key != "type"}
                self._chain.events.append({"name": other, "time": self._now.isoformat(), "kwargs": fields})

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
        call = ToolCall(event=event, start=self._now, untimed=untimed, agent=self._agent)
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
        if call.model is not None:
            self._tool(call)

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
        run = self._streamed_run() or self._run(_MODEL, "llm", agent.path, start, self._now, untimed=untimed)
        run.name, run.end_time = str(event.get("model") or _MODEL), max(self._now, run.start_time)
        run.inputs = json_bytes({"messages": event.get("messages") or self._exchange})
        usage = {"usage_metadata": usage_metadata(event)}
        run.extra = {"metadata": {**run.extra["metadata"], **model_metadata(event), **usage}}
        model = ModelCall(run=run, answer={"role": "assistant", "content": "\n".join(agent.messages)})
        for call in mine:
            model.request(call)
        if agent.last is not None:
            self._finish(agent.last)
        self._exchange.append(model.answer)
        self._models.append(model)
        self._begun.append(run)
        for call in mine:
            if not call.waits:
                self._tool(call)
        if event.get("id"):
            self._by_id[event["id"]] = model
        agent.last, agent.calls, agent.messages = model, [], []
        self._idle_since = self._now

    def _hand_off(self, event: Event) -> None:
        if self._agent.last is not None:
            self._finish(self._agent.last)
        if self._agent.run is not self._chain:
            self._agent.run.end_time = self._now
            self._final.append(self._agent.run)
        path = [*self._chain.parent_ids, self._chain.id]
        run = self._run(str(event.get("to") or "agent"), "chain", path, self._now, self._ended)
        run.inputs = json_bytes({"handed_over_by": event.get("from")})
        self._agent = AgentRun(run=run)
        self._runs.append(run)
        self._begun.append(run)

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
            self._nest(inner, self._agent.path)
        self._now = max(self._now, inner.ended or inner.started)

    def _nest(self, inner: ReportedTurn, path: Sequence[str]) -> None:
        runs = runs_of_turn(inner, path, self._traced, keep=True, seed=self._seed)
        self._nested += runs
        self._final += runs

    def _rendered(self, event: Event) -> None:
        """Show the rendered prompt to the model calls that follow, and name it at the agent."""
        if event.get("rendered_prompt") is not None:
            self._exchange.insert(0, {"role": "system", "content": as_text(event["rendered_prompt"])})
        named = {name: event[name] for name in _PROMPT_FIELDS if event.get(name) is not None}
        self._chain.extra = {"metadata": {**self._chain.extra["metadata"], **named}}

    # -- pieces of an answer

    def take_tokens(self) -> None:
        """Begin the run of a model call whose first piece has arrived."""
        if self._streaming is None and self._tokens_read < len(self._turn.tokens):
            at = self._turn.tokens[self._tokens_read].at or self._now
            self._streaming = self._run(_MODEL, "llm", self._agent.path, self._idle_since, max(at, self._now))
            self._streaming.inputs = json_bytes({"messages": self._exchange})
            self._streaming.events = self._pieces(self._tokens_read)[:1]
            self._begun.append(self._streaming)

    def _streamed_run(self) -> CollectedRun | None:
        """The run of the model call that ends now, if pieces of its answer arrived before; with all of them."""
        tokens = self._turn.tokens[self._tokens_read :]
        number = sum(1 for token in tokens if token.at is None or token.at <= self._now)
        if number:
            self.take_tokens()
        run, self._streaming = self._streaming, None
        if run is not None:
            run.events = self._pieces(self._tokens_read)[:number]
            self._tokens_read += number
        return run

    def _pieces(self, start: int) -> list[dict[str, Any]]:
        return [
            {
                "name": "new_token",
                "time": (token.at or self._now).isoformat(),
                # Not its text: what is secret is not recognized in pieces.
                "kwargs": {"characters": len(as_text(token.event.get("content")))},
            }
            for token in self._turn.tokens[start:]
        ]

    def _stream_rest(self) -> None:
        """Complete the model call whose pieces arrived, but not its usage."""
        self._now = max(self._now, self._ended)
        tokens = self._turn.tokens[self._tokens_read :]
        run = self._streamed_run()
        if run is not None:
            text = "".join(as_text(token.event.get("content")) for token in tokens)
            run.outputs = json_bytes({"messages": [{"role": "assistant", "content": text}]})
            run.end_time = max(self._now, run.start_time)
            self._runs.append(run)

    # -- the result

    @property
    def chain(self) -> CollectedRun:
        """The run of the turn itself."""
        return self._chain

    def news(self) -> tuple[list[CollectedRun], list[CollectedRun]]:
        """Runs that have begun, and runs about which nothing changes any more, since the last call."""
        news = self._begun, self._final
        self._begun, self._final = [], []
        return news

    def runs(self, *, keep: bool) -> list[CollectedRun]:
        """All runs of the ended turn, parents first; without the chain of a turn that shows nothing, unless `keep`."""
        self._ended = self._turn.ended or self._now
        self._chain.end_time, self._chain.error = self._ended, self._chain.error or self._turn.error
        if self._agent.run is not self._chain:
            self._agent.run.end_time = max(self._ended, self._agent.run.start_time)
        if not self._traced.models:
            self._stream_rest()
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
            model.complete()
            self._runs.append(model.run)

    def _finish(self, model: ModelCall) -> None:
        model.complete()
        self._final.append(model.run)

    def _tool(self, call: ToolCall) -> None:
        """Build the run of a call about which nothing changes any more."""
        if call.run is not None:
            return
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
        call.run = run
        self._final.append(run)
        for inner in call.inner:
            self._nest(inner, [*path, run.id])

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
            id=uuid7_at(start, *path, name, self._turn.id, self._seed, str(self._numbers)),
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
