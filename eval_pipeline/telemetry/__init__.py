"""What an agent reports of itself while it works: events of turns, for whoever listens.

from eval_pipeline import telemetry

telemetry.emit({"type": "tool_call", "id": "1", "name": "find_order", "args": {"order": "A-1"}})
"""

from eval_pipeline.telemetry.bus import BUS, BusCounts, EventBus
from eval_pipeline.telemetry.event import Event
from eval_pipeline.telemetry.turns import TimedEvent, Turn, emit, listener, listening, turn

__all__ = ["BUS", "BusCounts", "Event", "EventBus", "TimedEvent", "Turn", "emit", "listener", "listening", "turn"]
