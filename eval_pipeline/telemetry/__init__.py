"""What an agent reports of its turns while it works: events, from any thread or task, to a trace or to LangSmith.

For example:

    from eval_pipeline import telemetry

    telemetry.emit({"type": "tool_call", "id": "1", "name": "find_order", "args": {"order": "A-1"}})

Agents import this package, so it imports nothing of LangChain, LangSmith or Dagster.
"""

from eval_pipeline.telemetry.bus import BUS, BusCounts, EventBus
from eval_pipeline.telemetry.event import Event
from eval_pipeline.telemetry.labels import TurnLabels, session
from eval_pipeline.telemetry.reporting import emit, listener, listening, turn
from eval_pipeline.telemetry.trace_events import (
    LangSmithTraceCompleted,
    LangSmithTraceStarted,
    LangSmithUploadFailed,
)
from eval_pipeline.telemetry.turns import ReportedTurn, TimedEvent

__all__ = [
    "BUS",
    "BusCounts",
    "Event",
    "EventBus",
    "LangSmithTraceCompleted",
    "LangSmithTraceStarted",
    "LangSmithUploadFailed",
    "ReportedTurn",
    "TimedEvent",
    "TurnLabels",
    "emit",
    "listener",
    "listening",
    "session",
    "turn",
]
