"""What a graph finds in `configurable`."""

from collections.abc import Mapping
from typing import Any

from eval_pipeline.suite.case import Case
from eval_pipeline.telemetry.attempt_ids import attempt_ids

RESERVED = ("thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map")
"""Keys by which a graph finds its state."""


def configurable_of(case: Case, thread_id: str, of_suite: Mapping[str, Any]) -> dict[str, Any]:
    """The ids of the attempt, the case's runtime options, and what suite and case put there, the case last."""
    runtime = {name: value for name, value in case.runtime.model_dump().items() if value not in (None, {})}
    ids = {"case_id": case.id, **attempt_ids()}
    return {**ids, **runtime, **of_suite, **case.configurable, "thread_id": thread_id}
