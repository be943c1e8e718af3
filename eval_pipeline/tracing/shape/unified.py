"""A whole experiment as one distributed trace: for small suites, whose cases are to be seen side by side in one tree.

The shared step opens the trace and exports `langsmith-trace` and `baggage`; every process joins it by these headers.
Cases are no roots then, so the experiment has no rows.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langsmith import Client, RunTree
from typing_extensions import override

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.protocol.dotted_order import DottedOrderError, parse_dotted_order
from eval_pipeline.tracing.shape.graft import graft
from eval_pipeline.tracing.shape.modes import Bare
from eval_pipeline.tracing.shape.replica import Origin, replica_of
from eval_pipeline.tracing.shape.run import Anchor, CompleteRun, complete_run
from eval_pipeline.tracing.shape.shared_spans import SharedSpans

MOST_UNIFIED_RUNS = 20_000
"""LangSmith refuses runs beyond 25,000 in one trace; the rest is room for agents that do more than expected."""

TRACE_HEADER = "langsmith-trace"


@dataclass(frozen=True, kw_only=True)
class Unified(Bare):
    """A place below the experiment's one root; the case's own searches are copied next to what it did."""

    headers: Mapping[str, str]
    """Of `open_unified`, from the experiment's record."""
    spans: SharedSpans | None
    origin: Origin

    def __post_init__(self) -> None:
        """Refuse headers that lead nowhere now rather than at each attempt."""
        try:
            parse_dotted_order(self.headers.get(TRACE_HEADER, ""))
        except DottedOrderError as error:
            fix = "start a new experiment, whose record has them"
            raise InputError(Problem(message=f"the experiment has no `{TRACE_HEADER}` header", fix=fix)) from error

    @override
    def parent(self, client: Client) -> RunTree | None:
        # `tracing_context(parent=headers)` would make a parent with the process-wide client instead of this one.
        headers: dict[str | bytes, str | bytes] = {name: value for name, value in self.headers.items()}  # noqa: C416
        return RunTree.from_headers(headers, client=client, replicas=[])

    @override
    def runs(self, case_id: str, root: Anchor, labels: Mapping[str, Any], tags: Sequence[str]) -> list[CompleteRun]:
        if self.spans is None:
            return []
        own = [replica_of(span, self.origin) for span in self.spans.of_case(case_id)]
        return graft(own, root, labels=labels, tags=tags)


@dataclass(frozen=True, kw_only=True)
class UnifiedTrace:
    """An experiment's one trace, begun: what is sent once, and what other processes join it by."""

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
    """Begin an experiment's one trace: its root, and below it copies of what concerns all cases.

    Raises:
        InputError: more runs are to be expected than one trace may have.
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
    """Refuse a unified trace that the platform would cut off.

    Raises:
        InputError: more runs are to be expected than one trace may have.
    """
    expected = cases * attempts * runs_per_attempt
    if expected > MOST_UNIFIED_RUNS:
        message = (
            f"{cases:,} cases with {attempts} attempts of about {runs_per_attempt} runs each are {expected:,} runs; "
            f"one unified trace may have {MOST_UNIFIED_RUNS:,}"
        )
        raise InputError(Problem(message=message, fix="use trace mode `grafted`, or fewer cases", field="trace_mode"))
