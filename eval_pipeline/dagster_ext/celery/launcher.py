"""Dagster's Celery run launcher, extended to detect dead workers and to cancel runs properly.

Dagster's launcher believes Celery's result backend: a run stays STARTED when its worker's host dies, until
`max_runtime_seconds`; and a cancelled run ends as a failure, which run retries launch again. This launcher asks the
worker whether it still executes the run. Run monitoring then marks the run as failed, run retries launch a new one, and
that continues where the result log ends.

The types that a launcher returns are in a private module of Dagster; there are no public ones. If that changes,
importing this module fails: use Dagster's `CeleryRunLauncher` in dagster.yaml.
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
"""How long to wait for a worker's answer."""


class WatchedCeleryRunLauncher(CeleryRunLauncher):
    """Dagster's launcher with `lost_after_seconds`: a started run that no worker has for so long counts as lost.

    A worker that is disconnected from the broker for longer continues its run in parallel with the retry, so attempts
    are paid twice. A worker with `--pool solo` does not answer while it executes a run, and would be taken for dead.
    """

    def __init__(self, *, lost_after_seconds: int = LOST_AFTER_SECONDS, **config: Any) -> None:
        """Take the configuration in `dagster.yaml`."""
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
        """Check a started run; run monitoring calls this for each of them."""
        task_id = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        task = self.celery.AsyncResult(task_id)
        if task.state == "FAILURE":
            return CheckRunHealthResult(WorkerStatus.FAILED, f"Celery task failed: {task.result!r}"[:400])
        if task.state == "STARTED" and self._is_executing(task_id, (task.info or {}).get("hostname")):
            self._missing_since.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        # A task that ended a moment ago, whose run has not, looks like a lost one.
        since = self._missing_since.setdefault(run.run_id, time.monotonic())
        if time.monotonic() - since < self._lost_after_seconds:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        del self._missing_since[run.run_id]
        # A worker that executes it nevertheless must stop.
        self.celery.control.revoke(task_id, terminate=True, signal="SIGKILL")
        message = f"No worker has executed the run for {self._lost_after_seconds} s (state in Celery: {task.state})."
        return CheckRunHealthResult(WorkerStatus.FAILED, message)

    @override
    def terminate(self, run_id: str) -> bool:
        """Cancel a run. It is marked as canceling first; otherwise it would end as a failure."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)

    def _is_executing(self, task_id: str, worker: str | None) -> bool:
        """Whether a running worker executes the task; a worker that was restarted does not."""
        inspect = self.celery.control.inspect(destination=None if worker is None else [worker], timeout=ANSWER_SECONDS)
        return any(task_id in tasks for tasks in (inspect.query_task(task_id) or {}).values())
