"""Open a whole experiment as one distributed trace: for small suites, whose cases should be seen in one tree.

The shared step opens the trace and exports `langsmith-trace` and `baggage`; every process joins it by these headers.
Cases are no roots then, so the experiment has no rows.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langsmith import RunTree

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.tracing.shape.graft import graft
from eval_pipeline.tracing.shape.replica import Origin, SharedSpans
from eval_pipeline.tracing.shape.run import Anchor, CompleteRun, complete_run

MOST_UNIFIED_RUNS = 20_000
"""LangSmith refuses runs beyond 25,000 in one trace; the rest is room for agents with more runs than expected."""


@dataclass(frozen=True, kw_only=True)
class UnifiedTrace:
    """An experiment's one trace: the runs to send once, and the headers by which other processes join it."""

    headers: Mapping[str, str]
    """`langsmith-trace` and `baggage`."""
    trace_id: str
    runs: list[CompleteRun]


def open_unified(
    spans: SharedSpans | None,
    origin: Origin,
    *,
    session_name: str,
    labels: Mapping[str, Any],
    cases: int,
    attempts: int,
    runs_per_attempt: int = 12,
    tags: Sequence[str] = (),
) -> UnifiedTrace:
    """Open an experiment's one trace: its root, and below it copies of the spans that concern all cases.

    Raises:
        InputError: more runs are expected than one trace may have.
    """
    refuse_too_many(cases=cases, attempts=attempts, runs_per_attempt=runs_per_attempt)
    start = dt.datetime.now(tz=dt.UTC)
    tree = RunTree(name="shared_context", start_time=start, session_name=session_name, replicas=[])
    original = None if spans is None else spans.root
    root = complete_run(
        run_id=str(tree.id),
        below=None,
        name=tree.name,
        run_type="chain",
        start_time=start,
        end_time=start,
        session_name=session_name,
        inputs={"cases": cases, "attempts": attempts},
        outputs={} if original is None else original.outputs,
        tags=tags,
        metadata={**labels, "trace_mode": "unified"},
    )
    copies = [] if spans is None else spans.shared_replicas(origin)
    below = [replica for replica in copies if original is None or replica.span.id != original.id]
    runs = [root, *graft(below, Anchor.of(root), labels=labels, tags=tags)]
    return UnifiedTrace(headers=tree.to_headers(), trace_id=str(tree.id), runs=runs)


def refuse_too_many(*, cases: int, attempts: int, runs_per_attempt: int) -> None:
    """Refuse a unified trace that LangSmith would cut off.

    Raises:
        InputError: more runs are expected than one trace may have.
    """
    expected = cases * attempts * runs_per_attempt
    if expected > MOST_UNIFIED_RUNS:
        message = (
            f"{cases:,} cases with {attempts} attempts of about {runs_per_attempt} runs each are {expected:,} runs; "
            f"one unified trace may have {MOST_UNIFIED_RUNS:,}"
        )
        raise InputError(Problem(message=message, fix="use trace mode `grafted`, or fewer cases", field="trace_mode"))
