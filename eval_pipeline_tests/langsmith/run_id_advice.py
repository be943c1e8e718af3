"""What LangSmith accepts today and warns about: run ids that are not UUIDv7 of the run's start time."""

from typing import Any

from eval_pipeline.langsmith.protocol.dotted_order import is_uuid
from eval_pipeline.langsmith.protocol.times import parse_time


def run_id_advice(run: dict[str, Any]) -> list[str]:
    """Sentences about the id of a run that has a UUID and a start time.

    A run whose id is a UUIDv7 of another millisecond than its start time is ingested, but opening it fails
    (langsmith-sdk#3027); "future versions will require" UUIDv7.
    """
    run_id = str(run.get("id"))
    if not is_uuid(run_id):
        return []
    if run_id[14] != "7":
        return [f"run {run_id}: not a UUIDv7"]
    stated = int(run_id[:8] + run_id[9:13], 16)
    started = int(parse_time(run["start_time"]).timestamp() * 1000)
    # The SDK truncates and some clients round: one millisecond apart is the same moment.
    if abs(stated - started) > 1:
        return [f"run {run_id}: the UUIDv7's time {stated} ms differs from start_time {started} ms"]
    return []
