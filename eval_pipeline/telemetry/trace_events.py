"""What becomes of the traces of turns: events that `LangSmithTelemetry` publishes to the buses it is attached to."""

import datetime as dt
from dataclasses import dataclass, field
from uuid import UUID


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class LangSmithTraceStarted:
    """The trace of a turn has begun, and its first run is on its way."""

    trace_id: UUID
    session_id: str | None
    project: str
    created_at: dt.datetime = field(default_factory=_now)


@dataclass(frozen=True, kw_only=True)
class LangSmithTraceCompleted:
    """The turn has ended, and all of its runs have arrived."""

    trace_id: UUID
    run_count: int
    total_tokens: int
    trace_url: str | None
    """None where the server did not answer which project it is."""
    created_at: dt.datetime = field(default_factory=_now)


@dataclass(frozen=True, kw_only=True)
class LangSmithUploadFailed:
    """Runs of a trace could not be uploaded; they are in the spool, to be sent again."""

    trace_id: UUID | None
    error: str
    retry_count: int
    """How often uploads of this trace have failed before."""
    created_at: dt.datetime = field(default_factory=_now)
