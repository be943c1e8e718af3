"""Runs and feedback as the trace side hands them over, and what a recorder then has of them."""

import datetime as dt
import uuid
from typing import Any

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.tracing.shape.run import Anchor, complete_run, uuid7_at

PROJECT = "exp-1"


def a_trace(*, children: int = 2, start: dt.datetime | None = None, **fields: Any) -> list[dict[str, Any]]:
    """A root and its children."""
    start = start or dt.datetime.now(tz=dt.UTC)
    seed = uuid.uuid4().hex
    runs: list[dict[str, Any]] = []
    for number in range(children + 1):
        moment = start + dt.timedelta(microseconds=number)
        runs.append(
            complete_run(
                run_id=uuid7_at(moment, seed, str(number)),
                below=Anchor.of(runs[0]) if runs else None,
                name="case" if number == 0 else f"step {number}",
                run_type="chain",
                start_time=moment,
                end_time=moment + dt.timedelta(seconds=1),
                session_name=PROJECT,
                inputs={"question": "where is my order?"},
                outputs={"answer": "on its way"},
                metadata={"case_id": "c1"},
            )
            | fields
        )
    return runs


def a_score(run: dict[str, Any], key: str = "quality") -> dict[str, Any]:
    """Feedback on a run."""
    return {
        "id": str(uuid.uuid5(uuid.UUID(run["id"]), key)),
        "run_id": run["id"],
        "trace_id": run["trace_id"],
        "start_time": run["start_time"].isoformat(),
        "key": key,
        "score": 0.5,
        "comment": "good",
    }


def recorded_ids(server: RecorderServer) -> list[str]:
    """The ids of every run that the recorder has."""
    ids = []
    for trace_id, _, _ in server.recorder.runs.trace_times():
        ids += [run["id"] for run in server.recorder.runs.of_trace(trace_id, limit=100_000, offset=0)]
    return ids


def recorded_feedback(server: RecorderServer) -> list[dict[str, Any]]:
    """Every feedback that the recorder has."""
    return server.recorder.feedback.find(limit=100_000, offset=0)
