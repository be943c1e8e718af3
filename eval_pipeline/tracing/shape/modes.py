"""How a case's trace shows the shared context, by trace mode.

Modes:

    grafted   each case is a root of its own; its first children are copies of the shared spans that concern it
    linked    the same, with a single child that refers to the shared trace
    unified   the whole experiment is one trace; each case is a child of the shared context's root, and no row of the
              experiment's table, for rows are roots
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from langsmith import Client, RunTree
from typing_extensions import override

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.protocol.dotted_order import DottedOrderError, parse_dotted_order
from eval_pipeline.settings import TraceMode
from eval_pipeline.tracing.shape.graft import Timing, graft, lead_time
from eval_pipeline.tracing.shape.replica import Origin, Replica, SharedSpans, replica_of
from eval_pipeline.tracing.shape.run import Anchor, CompleteRun, complete_run, uuid7_at

TRACE_HEADER = "langsmith-trace"


class SharedContextView(Protocol):
    """The shared context in the traces of cases."""

    def lead_time(self, case_id: str) -> dt.timedelta:
        """How long before the attempt the case's root starts."""

    def parent(self, client: Client) -> RunTree | None:
        """The parent of the case's root; None if it is a root."""

    def runs(self, case_id: str, root: Anchor, labels: Mapping[str, Any], tags: Sequence[str]) -> list[CompleteRun]:
        """The runs of the shared context below the case's root."""


@dataclass(frozen=True, kw_only=True)
class NoSharedContext(SharedContextView):
    """There is no shared context."""

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
class Grafted(NoSharedContext):
    """Copies of the spans that concern all cases, and of those of the case."""

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
class Linked(NoSharedContext):
    """One run that refers to the shared trace, and has the digests of the snapshot's parts."""

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
class Unified(NoSharedContext):
    """A place below the experiment's one root; the case's own searches are copied beside its runs."""

    headers: Mapping[str, str]
    """Those of `open_unified`, from the experiment's record."""
    spans: SharedSpans | None
    origin: Origin

    def __post_init__(self) -> None:
        """Refuse headers without a trace now rather than at each attempt."""
        try:
            parse_dotted_order(self.headers.get(TRACE_HEADER, ""))
        except DottedOrderError as error:
            fix = "start a new experiment, whose record has them"
            raise InputError(Problem(message=f"the experiment has no `{TRACE_HEADER}` header", fix=fix)) from error

    @override
    def parent(self, client: Client) -> RunTree | None:
        # `tracing_context(parent=headers)` would create a parent with the process-wide client instead of this one.
        headers: dict[str | bytes, str | bytes] = {name: value for name, value in self.headers.items()}  # noqa: C416
        return RunTree.from_headers(headers, client=client, replicas=[])

    @override
    def runs(self, case_id: str, root: Anchor, labels: Mapping[str, Any], tags: Sequence[str]) -> list[CompleteRun]:
        if self.spans is None:
            return []
        own = [replica_of(span, self.origin) for span in self.spans.of_case(case_id)]
        return graft(own, root, labels=labels, tags=tags)


def shared_context_view(
    mode: TraceMode,
    context: SharedContext | None,
    *,
    origin: Origin,
    timing: Timing = "instant",
    headers: Mapping[str, str] | None = None,
) -> SharedContextView:
    """The view of the shared context in `mode`.

    A snapshot that was built without a trace is referred to instead of copied.

    Args:
        mode: as configured.
        context: the snapshot of the experiment.
        origin: where its own trace is, and the form of copies.
        timing: of copies.
        headers: for `unified`, those of the experiment's record.

    Raises:
        InputError: `unified` without headers to join by.
    """
    trace = None if context is None else context.trace
    spans = None if trace is None else SharedSpans(trace)
    if mode == "unified":
        return Unified(headers=headers or {}, spans=spans, origin=origin)
    if mode == "grafted" and spans is not None:
        return Grafted(spans=spans, origin=origin, timing=timing)
    if context is None:
        return NoSharedContext()
    root = None if spans is None else spans.root
    url = origin.url(root.id) if root is not None and origin.url is not None else None
    digests = {name: part.sha256 for name, part in context.manifest.parts.items()}
    return Linked(context_id=context.id, url=url, digests=digests)
