"""Where the traces of an experiment are, and what became of them: one file a run, beside the run's results."""

import datetime as dt
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from eval_pipeline.langsmith.experiments import ExperimentSession
from eval_pipeline.langsmith.urls import WebUrls
from eval_pipeline.settings import TraceMode
from eval_pipeline.store.layout import tracing_prefix
from eval_pipeline.store.store import Store


class TracedRun(BaseModel):
    """What one run traced of an experiment."""

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
    """Whether every destination knew the experiment when the run began."""
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

    @property
    def lost(self) -> int:
        """Runs and scores that neither the server nor the spool took."""
        return self.runs_dropped + self.feedback_dropped

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


def write_traced(store: Store, suite: str, traced: TracedRun) -> None:
    """Write what a run traced, in place of what it wrote before."""
    store.put(f"{tracing_prefix(suite, traced.name)}{traced.run_id}.json", traced.model_dump_json(indent=2).encode())


def read_traced_run(store: Store, suite: str, experiment: str, run_id: str) -> TracedRun | None:
    """What one run traced; None if it has written nothing."""
    data = store.get(f"{tracing_prefix(suite, experiment)}{run_id}.json")
    return None if data is None else TracedRun.model_validate_json(data)


def read_traced(store: Store, suite: str, experiment: str) -> list[TracedRun]:
    """What each run traced of an experiment, the runs that reached a server first; empty if nothing was traced."""
    stored = [store.get(key) for key in store.list(tracing_prefix(suite, experiment))]
    runs = [TracedRun.model_validate_json(data) for data in stored if data is not None]
    return sorted(runs, key=lambda run: (not run.online, run.run_id))
