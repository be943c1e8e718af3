"""One recorder: its configuration, database and stores, and the checks of tracing requests."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from eval_pipeline.recorder import frame as frames
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.faults import FaultPlan
from eval_pipeline.recorder.otlp.placing import OtlpStore
from eval_pipeline.recorder.store.case_table import CaseTable
from eval_pipeline.recorder.store.compared import ComparedRuns
from eval_pipeline.recorder.store.comparisons import ComparisonStore
from eval_pipeline.recorder.store.database import Database
from eval_pipeline.recorder.store.datasets import DatasetStore
from eval_pipeline.recorder.store.examples import ExampleStore
from eval_pipeline.recorder.store.experiments import ExperimentStore
from eval_pipeline.recorder.store.feedback import FeedbackStore
from eval_pipeline.recorder.store.feedback_configs import FeedbackConfigStore
from eval_pipeline.recorder.store.hub import HubStore
from eval_pipeline.recorder.store.ingest import Ingest
from eval_pipeline.recorder.store.journal import Journal
from eval_pipeline.recorder.store.queues import QueueStore
from eval_pipeline.recorder.store.reports import ReportStore
from eval_pipeline.recorder.store.runs import RunStore
from eval_pipeline.recorder.store.sessions import SessionStore
from eval_pipeline.recorder.store.statistics import Statistics


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Recorder:
    """The state behind the routes. `db_path` may be `:memory:`; tests of the time window set `now`."""

    def __init__(
        self,
        db_path: Path | str = ":memory:",
        config: RecorderConfig | None = None,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.config = config or RecorderConfig()
        self.now = now
        self.faults = FaultPlan()
        self.database = Database(db_path)
        self.statistics = Statistics(self.database)
        self.sessions = SessionStore(self.database, now)
        self.feedback = FeedbackStore(self.database, now)
        self.feedback_configs = FeedbackConfigStore(self.database, now)
        self.runs = RunStore(self.database, self.statistics)
        self.datasets = DatasetStore(self.database, now)
        self.examples = ExampleStore(self.database, self.datasets)
        self.experiments = ExperimentStore(self.database, self.runs)
        self.case_table = CaseTable(self.database)
        self.compared = ComparedRuns(self.database)
        self.comparisons = ComparisonStore(self.database, self.sessions, now)
        self.hub = HubStore(self.database, now)
        self.queues = QueueStore(self.database, now)
        self.reports = ReportStore(self.database, now)
        self.journal = Journal(self.database, now, limit=self.config.journal_bytes)
        self._ingest = Ingest(
            self.database, self.sessions, self.feedback, max_runs_per_trace=self.config.max_runs_per_trace
        )
        self.otlp = OtlpStore(self.database, self._ingest)
        self.sessions.seed()

    def receive(self, frame: frames.Frame) -> None:
        """Check a frame against the published rules and store all of it, or none.

        Raises:
            ErrorResponse: A rule is broken; with the published status and text.
        """
        frames.check(frame, now=self.now(), window=self.config.start_time_window)
        self.store(frame)

    def store(self, frame: frames.Frame) -> None:
        """Store a frame without checking it against the rules that need no stored state.

        Raises:
            ErrorResponse: 409 where all of it is stored already, and the rules that need stored state.
        """
        self._ingest.apply(frame)

    def clear(self) -> None:
        """Delete everything recorded and switch all faults off, for tests that share a server."""
        self.faults.clear()
        self.database.clear()
        self.sessions.seed()

    def close(self) -> None:
        """Close the database."""
        self.database.close()
