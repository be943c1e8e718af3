"""Collected runs as LangSmith's SDK shows them to evaluators: runs with their children."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from langsmith.schemas import Run

from eval_pipeline.runs.collected_run import CollectedRun


def trees_of(runs: Sequence[CollectedRun], *, trace_id: uuid.UUID, parent_id: uuid.UUID) -> list[Run]:
    """The runs as trees, children in the order in which they started.

    Args:
        runs: in any order; those whose parents are not among them are the roots.
        trace_id: of the attempt.
        parent_id: the parent of the roots.
    """
    ids = {run.id for run in runs}
    children: dict[str | None, list[CollectedRun]] = {}
    for run in runs:
        parent = next((ancestor for ancestor in reversed(run.parent_ids) if ancestor in ids), None)
        children.setdefault(parent, []).append(run)

    def tree(run: CollectedRun, parent: uuid.UUID) -> Run:
        run_id = uuid.UUID(run.id)
        below = [tree(child, run_id) for child in children.get(run.id, ())]
        return _run(run, trace_id=trace_id, parent_id=parent, children=below)

    return [tree(run, parent_id) for run in children.get(None, ())]


def _run(run: CollectedRun, *, trace_id: uuid.UUID, parent_id: uuid.UUID, children: list[Run]) -> Run:
    usage = (run.extra.get("metadata") or {}).get("usage_metadata") or {}
    return Run(
        id=uuid.UUID(run.id),
        trace_id=trace_id,
        parent_run_id=parent_id,
        parent_run_ids=[uuid.UUID(ancestor) for ancestor in run.parent_ids],
        name=run.name,
        run_type=run.run_type,
        start_time=_moment(run.start_time) or dt.datetime.now(tz=dt.UTC),
        end_time=_moment(run.end_time),
        inputs=_mapping(run.given, run.inputs, "input") or {},
        outputs=_mapping(run.returned, run.outputs, "output"),
        error=run.error,
        extra=dict(run.extra),
        tags=[str(tag) for tag in run.tags],
        events=[event for event in run.events if isinstance(event, dict)],
        child_runs=children,
        child_run_ids=[child.id for child in children],
        prompt_tokens=usage.get("input_tokens"),
        completion_tokens=usage.get("output_tokens"),
        total_tokens=usage.get("total_tokens"),
    )


def _mapping(value: Any, data: bytes | None, name: str) -> dict[str, Any] | None:
    """Inputs or outputs as the objects they were, or else as JSON."""
    if value is None:
        value = None if data is None else orjson.loads(data)
    if value is None:
        return None
    return dict(value) if isinstance(value, Mapping) else {name: value}


def _moment(value: Any) -> dt.datetime | None:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    return value if isinstance(value, dt.datetime) else None
