"""Dagster's Celery launcher, which notices that a worker is gone and tells runs that they were cancelled.

Dagster's own believes what Celery's result backend says. There a run stays STARTED when the host of its worker dies,
and is waited for until `max_runtime_seconds`; and the cancellation of a run ends as its failure, which run retries
undo. This one asks the worker whether it still has the run. What run monitoring then marks as failed, run retries
launch again, and the new run goes on where the result log ends.

The classes to build on are in private modules: there are no public ones to write a launcher with.
"""

import time
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from typing_extensions import override

LOST_AFTER_SECONDS = 120
ANSWER_SECONDS = 5.0
"""How long a worker has to answer."""


class WatchedCeleryRunLauncher(CeleryRunLauncher):
    """As Celery's, with `lost_after_seconds`: how long no worker may have had a started run before it counts as lost.

    A worker that is only cut off from the broker for longer than that goes on with its run beside the retry, and
    attempts are paid twice; a worker of `--pool solo` answers nobody while it works, so it cannot be watched.
    """

    def __init__(self, *, lost_after_seconds: int = LOST_AFTER_SECONDS, **config: Any) -> None:
        """As `dagster.yaml` says."""
        super().__init__(**config)
        self._lost_after_seconds = lost_after_seconds
        self._missing_since: dict[str, float] = {}

    @classmethod
    @override
    def config_type(cls) -> dict[str, Any]:
        own = dg.Field(dg.IntSource, is_required=False, default_value=LOST_AFTER_SECONDS)
        config: Any = super().config_type()
        return {**config, "lost_after_seconds": own}

    @classmethod
    @override
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "WatchedCeleryRunLauncher":
        return cls(inst_data=inst_data, **config_value)

    @override
    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Dagster asks this of runs that have started and have not ended."""
        task_id = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        found = self.celery.AsyncResult(task_id)
        if found.state == "FAILURE":
            return CheckRunHealthResult(WorkerStatus.FAILED, f"Celery task failed: {found.result!r}"[:400])
        if found.state == "STARTED" and self._has_it(task_id, (found.info or {}).get("hostname")):
            self._missing_since.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        # A task that has just ended, and whose run is about to, looks like one that is lost.
        since = self._missing_since.setdefault(run.run_id, time.monotonic())
        if time.monotonic() - since < self._lost_after_seconds:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        del self._missing_since[run.run_id]
        # Whoever may have it nevertheless is to stop.
        self.celery.control.revoke(task_id, terminate=True, signal="SIGKILL")
        message = f"No worker has had the run for {self._lost_after_seconds} s (Celery says {found.state})."
        return CheckRunHealthResult(WorkerStatus.FAILED, message)

    @override
    def terminate(self, run_id: str) -> bool:
        """Cancel a run; one that is not told of it first would take the signal for an accident, and fail."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)

    def _has_it(self, task_id: str, worker: str | None) -> bool:
        """Whether a worker that is alive executes the task; one that was started again has forgotten it."""
        asked = self.celery.control.inspect(destination=None if worker is None else [worker], timeout=ANSWER_SECONDS)
        return any(task_id in tasks for tasks in (asked.query_task(task_id) or {}).values())
