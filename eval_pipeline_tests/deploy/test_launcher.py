"""What the launcher says of a started run, by what Celery's backend and its workers say."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.dagster_ext.celery import launcher as launcher_module
from eval_pipeline.dagster_ext.celery.launcher import WatchedCeleryRunLauncher
from eval_pipeline_tests.redis_server import running_redis

# Celery's own call, of a name that the client of Redis gives up.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")

TASK = "a-task"
RUN = dg.DagsterRun(job_name="j", run_id="r", tags={"dagster-celery/task_id": TASK})


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def watched(redis: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """By default a run is lost when no worker has it at the second look."""
    monkeypatch.setattr(launcher_module, "ANSWER_SECONDS", 0.2)
    return lambda seconds=0: WatchedCeleryRunLauncher(
        broker=redis, backend=redis, default_queue="dagster", lost_after_seconds=seconds
    )


def _says(launcher: WatchedCeleryRunLauncher, state: str, result: Any = None) -> None:
    launcher.celery.backend.store_result(TASK, result, state)


@pytest.mark.parametrize("state", ["STARTED", "SUCCESS"])
def test_a_run_that_no_worker_has_for_long_enough_has_failed(watched: Any, state: str) -> None:
    """Begun by a worker that is gone; or ended at Celery, and not in Dagster's database."""
    launcher = watched(3600)
    _says(launcher, state, {"hostname": "worker@gone", "pid": 1})
    assert launcher.check_run_worker_health(RUN).status.value == "RUNNING"
    assert launcher.check_run_worker_health(RUN).status.value == "RUNNING"

    launcher = watched(0)
    health = launcher.check_run_worker_health(RUN)
    assert health.status.value == "FAILED"
    assert f"state in Celery: {state}" in str(health.msg)


def test_a_run_that_celery_has_forgotten_is_not_lost_at_once(watched: Any) -> None:
    """As after a restart of Redis: the worker that executes the run continues."""
    launcher = watched(3600)
    launcher.celery.backend.forget(TASK)

    assert launcher.check_run_worker_health(RUN).status.value == "RUNNING"


def test_a_run_whose_process_died_has_failed_at_once(watched: Any) -> None:
    launcher = watched(3600)
    _says(launcher, "FAILURE", RuntimeError("Worker exited prematurely: signal 9 (SIGKILL)"))

    health = launcher.check_run_worker_health(RUN)
    assert health.status.value == "FAILED"
    assert "signal 9" in str(health.msg)
