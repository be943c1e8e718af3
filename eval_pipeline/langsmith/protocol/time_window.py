"""Move runs in time, so that LangSmith's 24 h window accepts them.

The official migration tool (langchain-ai/langsmith-data-migration-tool#98, #152) shifts the same fields: start, end,
dotted order, events.
"""

from datetime import datetime, timedelta
from typing import Any

from eval_pipeline.langsmith.protocol.dotted_order import DottedOrderStep, format_step, parse_dotted_order
from eval_pipeline.langsmith.protocol.times import TimeError, parse_time

DEFAULT_WINDOW = timedelta(hours=24)
"""LangSmith refuses a run whose start time lies further than this from now."""
_MARGIN = timedelta(minutes=10)
"""Between the newest run and now, and between the oldest and the window's end: sending takes time."""


def fits(oldest: datetime, now: datetime) -> bool:
    """Whether LangSmith accepts runs since `oldest` as they are."""
    return now - oldest <= DEFAULT_WINDOW - _MARGIN


def delta_for(oldest: datetime, newest: datetime, now: datetime) -> timedelta | None:
    """The delta that moves everything between `oldest` and `newest` into the window.

    Zero if nothing needs to move; `None` if no single delta can, as they lie further apart than the window is wide.
    """
    if fits(oldest, now):
        return timedelta(0)
    delta = now - _MARGIN - newest
    return delta if fits(oldest + delta, now) else None


def retime(run: dict[str, Any], delta: timedelta) -> dict[str, Any]:
    """A copy of a run (v1 fields) moved by `delta`, with its ids; its metadata keeps the recorded start time."""
    if not delta:
        return run
    metadata = {**((run.get("extra") or {}).get("metadata") or {}), "recorded_start_time": run["start_time"]}
    return {
        **run,
        "start_time": _shifted(run["start_time"], delta),
        "end_time": _shifted(run.get("end_time"), delta),
        "dotted_order": ".".join(
            format_step(DottedOrderStep(start_time=step.start_time + delta, run_id=step.run_id))
            for step in parse_dotted_order(run["dotted_order"])
        ),
        "events": [_shifted_event(event, delta) for event in run.get("events") or []],
        "extra": {**(run.get("extra") or {}), "metadata": metadata},
    }


def _shifted(value: str | None, delta: timedelta) -> str | None:
    return None if value is None else (parse_time(value) + delta).isoformat(timespec="microseconds")


def _shifted_event(event: Any, delta: timedelta) -> Any:
    if not isinstance(event, dict) or "time" not in event:
        return event
    try:
        return {**event, "time": _shifted(event["time"], delta)}
    except TimeError:
        return event
