"""Where an attempt is in LangSmith."""

import datetime as dt
import uuid
from dataclasses import dataclass

_NAMESPACE = uuid.UUID("6f0f3bb0-6f0d-4b1e-9f0c-9d8b7b1a2c3d")


@dataclass(frozen=True, kw_only=True)
class AttemptPlace:
    """The ids of an attempt's run, of its example and of its experiment."""

    run_id: uuid.UUID
    trace_id: uuid.UUID
    start_time: dt.datetime
    example_id: uuid.UUID
    dataset_id: uuid.UUID
    session_id: uuid.UUID | None = None
    """The id of the experiment's project."""

    @classmethod
    def untraced(cls, case_id: str) -> "AttemptPlace":
        """The place of an attempt that begins now and is not traced: equal cases have equal examples."""
        run_id = uuid.uuid4()
        return cls(
            run_id=run_id,
            trace_id=run_id,
            start_time=dt.datetime.now(tz=dt.UTC),
            example_id=uuid.uuid5(_NAMESPACE, case_id),
            dataset_id=_NAMESPACE,
        )
