"""Copy shared spans below a case's root, as if they had happened there.

The originals' times cannot be kept: LangSmith refuses a run that starts before its parent, or more than 24 hours
ago. So a copy starts with the case, and its metadata has the original times.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from eval_pipeline.tracing.shape.replica import Replica
from eval_pipeline.tracing.shape.run import MICROSECOND, Anchor, CompleteRun, complete_run, uuid7_at
from eval_pipeline.tracing.shape.spans import parents_first

Timing = Literal["instant", "backdated"]
"""`instant`: a copy takes no time, so that a case's latency is its own. `backdated`: copies take as long as the
originals did, and the case's root starts as much earlier."""

LONGEST_LEAD = dt.timedelta(hours=1)
"""A root starts at most so much earlier, however long the shared context took: the platform's window is 24 hours."""


def graft(
    replicas: Sequence[Replica],
    root: Anchor,
    *,
    timing: Timing = "instant",
    labels: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
) -> list[CompleteRun]:
    """Complete runs below `root`, one for each replica, parents before children.

    The ids follow from those of the root and the originals: the same copies have the same ids.

    Args:
        replicas: what to copy; one whose parent is not among them becomes a child of the root.
        root: for `backdated`, it starts `lead_time` before the case.
        timing: see `Timing`.
        labels: metadata of every run.
        tags: of every run.
    """
    by_id = {replica.span.id: replica for replica in replicas}
    ordered = [by_id[span.id] for span in parents_first(replica.span for replica in by_id.values())]
    first, scale = _window(replicas)
    anchors: dict[str, Anchor] = {}
    runs: list[CompleteRun] = []
    for index, replica in enumerate(ordered):
        span = replica.span
        parent = anchors.get(span.parent_id or "", root)
        if timing == "instant":
            # One microsecond apart, because siblings are shown in the order of their dotted orders.
            start = end = root.start_time + index * MICROSECOND
        else:
            start = max(root.start_time + (span.start_time - first) * scale, parent.start_time)
            end = max(root.start_time + (span.end_time - first) * scale, start)
        run = complete_run(
            run_id=uuid7_at(start, root.run_id, span.id),
            below=parent,
            name=span.name,
            run_type=replica.run_type,
            start_time=start,
            end_time=end,
            session_name=root.session_name,
            inputs=replica.inputs,
            outputs=replica.outputs,
            error=span.error,
            tags=[*replica.tags, *tags],
            metadata={**replica.metadata, **(labels or {})},
        )
        anchors[span.id] = Anchor.of(run)
        runs.append(run)
    return runs


def lead_time(replicas: Sequence[Replica], timing: Timing) -> dt.timedelta:
    """How long before the case its root starts."""
    if timing == "instant" or not replicas:
        return dt.timedelta()
    first, scale = _window(replicas)
    return (max(replica.span.end_time for replica in replicas) - first) * scale


def _window(replicas: Sequence[Replica]) -> tuple[dt.datetime, float]:
    """When the first original started, and the factor that scales their times to fit."""
    if not replicas:
        return dt.datetime.now(tz=dt.UTC), 1.0
    first = min(replica.span.start_time for replica in replicas)
    wall = max(replica.span.end_time for replica in replicas) - first
    return first, min(1.0, LONGEST_LEAD / wall) if wall > dt.timedelta() else 1.0
