"""What became of an experiment's traces: a file per run beside the run's results, and the status of them all together.

The summary, the check and the terminal read it, each in a process of its own.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from eval_pipeline.langsmith.experiments import ExperimentSession
from eval_pipeline.langsmith.urls import WebUrls
from eval_pipeline.settings import TraceMode
from eval_pipeline.store.layout import tracing_prefix
from eval_pipeline.store.store import Store
from eval_pipeline.tracing.send.delivery_counts import DeliveryCounts


class TracedRun(BaseModel):
    """What one run traced of an experiment, as it is stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: str
    trace_mode: TraceMode
    session_id: UUID
    name: str
    dataset_id: UUID
    started_at: dt.datetime
    web_url: str
    tenant_id: str
    online: bool
    """Whether the experiment existed at every destination when the run began."""
    attempts: int = 0
    untraced: int = 0
    """Attempts whose trace could not be made."""
    runs_sent: int = 0
    runs_spooled: int = 0
    runs_dropped: int = 0
    runs_sampled_out: int = 0
    feedback_sent: int = 0
    feedback_spooled: int = 0
    feedback_dropped: int = 0

    @classmethod
    def of(
        cls,
        session: ExperimentSession,
        delivery: DeliveryCounts,
        *,
        run_id: str,
        trace_mode: TraceMode,
        online: bool,
        attempts: int,
        untraced: int,
    ) -> "TracedRun":
        """The record of a run that traced into `session`."""
        return cls(
            run_id=run_id,
            trace_mode=trace_mode,
            session_id=session.id,
            name=session.name,
            dataset_id=session.dataset_id,
            started_at=session.started_at,
            web_url=session.urls.web_url,
            tenant_id=str(session.urls.tenant_id),
            online=online,
            attempts=attempts,
            untraced=untraced,
            **{name: getattr(delivery, name) for name in _STORED_COUNTS},
        )

    @property
    def delivery(self) -> DeliveryCounts:
        """What became of the run's traces."""
        return DeliveryCounts(**{name: getattr(self, name) for name in _STORED_COUNTS})

    @property
    def session(self) -> ExperimentSession:
        """The experiment's project."""
        return ExperimentSession(
            id=self.session_id,
            name=self.name,
            dataset_id=self.dataset_id,
            started_at=self.started_at,
            urls=WebUrls(web_url=self.web_url, tenant_id=self.tenant_id),
        )


_STORED_COUNTS = (
    "runs_sent",
    "runs_spooled",
    "runs_dropped",
    "runs_sampled_out",
    "feedback_sent",
    "feedback_spooled",
    "feedback_dropped",
)


@dataclass(frozen=True, kw_only=True)
class TraceStatus:
    """Whether every row of an experiment is on the server, and what became of its runs and feedback.

    Rows are the attempts of an experiment; in LangSmith, the root runs of its project.
    """

    rows_expected: int
    rows_present: int | None
    """None: the server does not answer."""
    untraced: int = 0
    """Attempts whose trace could not be made."""
    delivery: DeliveryCounts

    @classmethod
    def of(cls, traced: Sequence[TracedRun], *, attempts: int, rows_present: int | None) -> "TraceStatus":
        """The status of an experiment that at least one run traced, and that has so many attempts."""
        return cls(
            # Cases of a unified trace are no roots, and so no rows: its one root is.
            rows_expected=1 if traced[0].trace_mode == "unified" else attempts,
            rows_present=rows_present,
            untraced=sum(run.untraced for run in traced),
            delivery=sum((run.delivery for run in traced), DeliveryCounts()),
        )

    @property
    def complete(self) -> bool:
        """Whether every row is there, and none twice."""
        return self.rows_present == self.rows_expected and not self.delivery.runs_dropped


def write_traced(store: Store, suite: str, traced: TracedRun) -> None:
    """Store what a run traced, in place of what it stored before."""
    store.put(f"{tracing_prefix(suite, traced.name)}{traced.run_id}.json", traced.model_dump_json(indent=2).encode())


def read_traced_run(store: Store, suite: str, experiment: str, run_id: str) -> TracedRun | None:
    """What one run traced; None if it stored nothing yet."""
    data = store.get(f"{tracing_prefix(suite, experiment)}{run_id}.json")
    return None if data is None else TracedRun.model_validate_json(data)


def read_traced(store: Store, suite: str, experiment: str) -> list[TracedRun]:
    """What each run traced of an experiment, runs that reached a server first; empty if nothing was traced."""
    stored = [store.get(key) for key in store.list(tracing_prefix(suite, experiment))]
    runs = [TracedRun.model_validate_json(data) for data in stored if data is not None]
    return sorted(runs, key=lambda run: (not run.online, run.run_id))
