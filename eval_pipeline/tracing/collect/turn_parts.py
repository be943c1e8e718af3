"""The parts of a turn while its events are read: model calls, tool calls, agents, and what is traced already."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from eval_pipeline.langsmith.protocol.jsonable import json_bytes
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.telemetry.event import Event
from eval_pipeline.telemetry.turns import ReportedTurn
from eval_pipeline.tracing.collect.event_fields import tool_call_of


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


@dataclass(kw_only=True, eq=False)
class ModelCall:
    """A model call, and the message it returned."""

    run: CollectedRun
    answer: dict[str, Any]
    calls: list["ToolCall"] = field(default_factory=list)

    def request(self, call: "ToolCall") -> None:
        """Make this model, and no other, the one that requested a tool call."""
        if call.model is not None:
            call.model.calls.remove(call)
            call.model.update_message()
        call.model = self
        self.calls.append(call)
        self.update_message()

    def update_message(self) -> None:
        """Set the tool calls of the message."""
        self.answer["tool_calls"] = [tool_call_of(call.event) for call in self.calls]

    def complete(self) -> None:
        """Set the outputs of the run."""
        self.run.outputs = json_bytes({"messages": [self.answer]})


@dataclass(kw_only=True, eq=False)
class ToolCall:
    """A tool call, and what is known of it so far."""

    event: Event
    start: dt.datetime
    untimed: bool
    agent: "AgentRun"
    model: ModelCall | None = None
    result: Event | None = None
    end: dt.datetime | None = None
    error: str | None = None
    inner: list[ReportedTurn] = field(default_factory=list)
    run: CollectedRun | None = None
    """Its run, once nothing about it changes any more."""

    @property
    def waits(self) -> bool:
        """Whether it has no result yet."""
        return self.result is None and self.error is None


@dataclass(kw_only=True, eq=False)
class AgentRun:
    """A chain, and its state while events are read."""

    run: CollectedRun
    last: ModelCall | None = None
    calls: list[ToolCall] = field(default_factory=list)
    """Tool calls since its last model call."""
    messages: list[str] = field(default_factory=list)
    """Texts since its last model call."""

    @property
    def path(self) -> list[str]:
        """The ids from the root to it."""
        return [*self.run.parent_ids, self.run.id]
