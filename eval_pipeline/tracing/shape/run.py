"""Build complete runs, in the fields of LangSmith's API, each sent with a single POST."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eval_pipeline.tracing.shape.fields import Field

CompleteRun = Mapping[str, Any]
"""`id`, `trace_id`, `parent_run_id` (None for a root), `dotted_order`, `name`, `run_type`, `inputs`, `outputs`,
`error`, `start_time` and `end_time` (aware), `session_name`, `reference_example_id` (roots only), `tags`, `extra`;
`attachments` where there are any."""

MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """The fields of a run that its children need."""

    run_id: str
    trace_id: str
    dotted_order: str
    start_time: dt.datetime
    session_name: str

    @classmethod
    def of(cls, run: CompleteRun) -> "Anchor":
        """The anchor for children of a run."""
        return cls(
            run_id=run["id"],
            trace_id=run["trace_id"],
            dotted_order=run["dotted_order"],
            start_time=run["start_time"],
            session_name=run["session_name"],
        )


def complete_run(
    *,
    run_id: str,
    below: Anchor | None,
    name: str,
    run_type: str,
    start_time: dt.datetime,
    end_time: dt.datetime,
    session_name: str,
    inputs: Field,
    outputs: Field | None,
    error: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A run that is a child of `below`, or a root."""
    order = f"{start_time.astimezone(dt.UTC):%Y%m%dT%H%M%S%f}Z{run_id}"
    return {
        "id": run_id,
        "trace_id": run_id if below is None else below.trace_id,
        "parent_run_id": None if below is None else below.run_id,
        "dotted_order": order if below is None else f"{below.dotted_order}.{order}",
        "name": name,
        "run_type": run_type,
        "inputs": inputs,
        "outputs": outputs,
        "error": error,
        "start_time": start_time,
        "end_time": end_time,
        "session_name": session_name,
        "tags": list(tags),
        "extra": {**(extra or {}), "metadata": metadata},
    }


def uuid7_at(moment: dt.datetime, *seed: str) -> str:
    """A UUIDv7 of a moment whose other 74 bits are a hash of `seed`, so that equal arguments give equal ids.

    LangSmith cannot open a run whose id has another millisecond than its start (langsmith-sdk#3027).
    """
    milliseconds = (moment - _EPOCH) // dt.timedelta(milliseconds=1)
    noise = int.from_bytes(hashlib.sha256("\0".join(seed).encode()).digest()[:10], "big")
    high, low = noise >> 68, noise & ((1 << 62) - 1)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))


def uuid7_millisecond(run_id: str) -> dt.datetime | None:
    """The millisecond in a UUIDv7, or None for any other id."""
    if len(run_id) != _UUID_LENGTH or run_id[14] != "7":
        return None
    try:
        return _EPOCH + dt.timedelta(milliseconds=int(run_id[:8] + run_id[9:13], 16))
    except ValueError:
        return None


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_UUID_LENGTH = 36
