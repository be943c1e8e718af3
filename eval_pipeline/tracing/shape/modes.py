"""How a case's trace shows the shared context: copies of it, a reference to it, or a place in one trace with it.

grafted   each case is a root of its own; its first children are copies of the shared spans that concern it
linked    the same with a single child that says where the shared trace is
unified   the whole experiment is one trace; each case is a child of the shared context's root, and no row of the
experiment's table, for rows are roots
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from langsmith import Client, RunTree
from typing_extensions import override

from eval_pipeline.tracing.shape.graft import Timing, graft, lead_time
from eval_pipeline.tracing.shape.replica import Origin, Replica
from eval_pipeline.tracing.shape.run import Anchor, CompleteRun, complete_run, uuid7_at
from eval_pipeline.tracing.shape.shared_spans import SharedSpans


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
