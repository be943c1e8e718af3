"""How a case's trace shows the shared context: copies of it, a reference to it, or a place in one trace with it.

    grafted   each case is a root of its own; its first children are copies of the shared spans that concern it
    linked    the same with a single child that says where the shared trace is
    unified   the whole experiment is one trace; each case is a child of the shared context's root, and no row of the
              experiment's table, for rows are roots

Belongs here: those three. Does not belong here: the live part of a trace (`case_trace.py`).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from langsmith import Client, RunTree
from typing_extensions import override

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.recorder.validation import DottedOrderError, parse_dotted_order
from eval_pipeline.tracing.graft import Timing, graft, lead_time
from eval_pipeline.tracing.replica import Origin, Replica, replica_of
from eval_pipeline.tracing.run import Anchor, CompleteRun, complete_run, uuid7_at
from eval_pipeline.tracing.shared_spans import SharedSpans

MOST_UNIFIED_RUNS = 20_000
"""LangSmith refuses runs beyond 25,000 in one trace; the rest is room for agents that do more than expected."""

TRACE_HEADER = "langsmith-trace"


class SharedPart(Protocol):
    """How a case's trace begins."""

    def lead_time(self, case_id: str) -> dt.timedelta:
        """How much before the attempt the case's root starts."""

    def parent(self, client: Client) -> RunTree | None:
        """What the case's root hangs from; None if it is a root."""

    def runs(self, case_id: str, root: Anchor, labels: Mapping[str, Any], tags: Sequence[str]) -> list[CompleteRun]:
        """The runs below the case's root that are not its own."""


@dataclass(frozen=True, kw_only=True)
class Bare(SharedPart):
    """There is no shared trace."""

    @override
    def lead_time(self, case_id: str) -> dt.timedelta:
        return dt.timedelta()

    @override
    def parent(self, client: Client) -> RunTree | None:
        return None

    @override
    def runs(self, case_id: str, root: Anchor, labels: Mapping[str, Any], tags: Sequence[str]) -> list[CompleteRun]:
        return []


@dataclass(frozen=True, kw_only=True)
class Grafted(Bare):
    """Copies of the shared spans, and of those of the case."""

    spans: SharedSpans
    origin: Origin
    timing: Timing = "instant"

    @override
    def lead_time(self, case_id: str) -> dt.timedelta:
        return dt.timedelta() if self.timing == "instant" else lead_time(self._replicas(case_id), self.timing)

    @override
    def runs(self, case_id: str, root: Anchor, labels: Mapping[str, Any], tags: Sequence[str]) -> list[CompleteRun]:
        return graft(self._replicas(case_id), root, timing=self.timing, labels=labels, tags=tags)

    def _replicas(self, case_id: str) -> list[Replica]:
        return self.spans.replicas(case_id, self.origin)


@dataclass(frozen=True, kw_only=True)
class Linked(Bare):
    """One span that says where the shared trace is, and what it was made of."""

    context_id: str
    url: str | None
    digests: Mapping[str, str] = field(default_factory=dict)
    """The SHA-256 of each part of the snapshot."""

    @override
    def runs(self, case_id: str, root: Anchor, labels: Mapping[str, Any], tags: Sequence[str]) -> list[CompleteRun]:
        outputs = {"shared_context_id": self.context_id, "url": self.url, "sha256": dict(self.digests)}
        return [
            complete_run(
                run_id=uuid7_at(root.start_time, root.run_id, self.context_id),
                below=root,
                name="shared_context (reference)",
                run_type="chain",
                start_time=root.start_time,
                end_time=root.start_time,
                session_name=root.session_name,
                inputs={"case_id": case_id},
                outputs=outputs,
                tags=["reference", *tags],
                metadata={"reference": True, "origin_url": self.url, **labels},
            )
        ]


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
