"""Checks of how runs begin and end: the queue, the launcher, monitoring, recording, pools."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from eval_pipeline.doctor.celery_workers import check_celery
from eval_pipeline.doctor.finding import Finding, failed, ok, warning
from eval_pipeline.doctor.secretive import reason_of
from eval_pipeline.settings import PipelineSettings
from eval_pipeline.suite.suite import Suite

BATCH_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
_BY_ITSELF = {"DefaultRunLauncher", "SyncInMemoryRunLauncher"}
"""Launchers whose runs are children of the daemon."""


def check_launching(instance: dg.DagsterInstance) -> Iterator[Finding]:
    """From the queue to the worker."""
    most = yield from _queue(instance)
    try:
        launcher: Any = instance.run_launcher
    except Exception as error:  # noqa: BLE001 - whatever building it raises
        fix = "install what run_launcher names (eval_pipeline[celery] for Celery), or mend its config in dagster.yaml"
        yield failed("launcher", reason_of(error), fix=fix)
        return
    yield from _monitoring(instance, type(launcher).__name__)
    if hasattr(launcher, "celery"):
        yield from check_celery(launcher, most)
    yield from _recording(instance)
    yield from _pools(instance)


def _queue(instance: dg.DagsterInstance) -> Any:
    """How many runs may be under way (None: no limit), and what is found of it."""
    coordinator = type(instance.run_coordinator).__name__
    if coordinator != "QueuedRunCoordinator":
        fix = "configure run_coordinator: QueuedRunCoordinator with max_concurrent_runs"
        yield warning("queue", f"{coordinator}: a backfill starts all its runs at once", fix=fix)
        return None
    config = instance.get_concurrency_config().run_queue_config
    most = None if config is None else config.max_concurrent_runs
    if most == 0:
        yield failed("queue", "max_concurrent_runs is 0: no run ever starts", fix="raise it in dagster.yaml")
        return None
    yield ok("queue", "runs are queued" if most in (None, -1) else f"runs are queued, {most} at a time")
    return None if most == -1 else most


def _monitoring(instance: dg.DagsterInstance, launcher: str) -> Iterator[Finding]:
    if launcher in _BY_ITSELF:
        return
    if not instance.run_monitoring_enabled:
        message = f"off: a run whose worker dies stays STARTED for ever ({launcher})"
        yield failed("monitoring", message, fix="set run_monitoring: {enabled: true} in dagster.yaml")
    elif not (instance.run_retries_enabled and instance.run_retries_max_retries):
        fix = "set run_retries: {enabled: true, max_retries: 3, retry_on_asset_or_op_failure: false}"
        yield warning("monitoring", "run_retries are off: a run whose worker dies is not launched again", fix=fix)
    else:
        yield ok("monitoring", "runs whose worker dies are found, and launched again")


def _recording(instance: dg.DagsterInstance) -> Iterator[Finding]:
    """On Postgres it takes our storage, and the environment of whatever executes runs; `eval-pipeline` sets its own."""
    storage = type(instance.event_log_storage).__name__
    size = PipelineSettings.from_environment().dagster_event_batch_size or 0
    if "Postgres" not in storage:
        return
    if size <= 1:
        fix = f"set {BATCH_VARIABLE}=1000 for the daemon and for whatever executes runs"
        yield warning("recording", "every partition is recorded by itself: 10,000 take minutes", fix=fix)
    elif storage != "BatchingPostgresEventLogStorage":
        fix = "name eval_pipeline.dagster_ext.postgres_storage in dagster.yaml, as deploy/celery/dagster.yaml does"
        yield warning("recording", "what a run plans is recorded one by one: 10,000 partitions take minutes", fix=fix)
    else:
        yield ok("recording", f"partitions are recorded up to {size} at a time")


def _pools(instance: dg.DagsterInstance) -> Iterator[Finding]:
    pools = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    closed = sorted(name for name, limit in pools.items() if limit == 0)
    granularity = instance.get_concurrency_config().pool_config.pool_granularity
    if closed:
        fix = f"dagster instance concurrency set {closed[0]} 4"
        yield failed("pools", f"limited to 0, so that their runs never start: {', '.join(closed)}", fix=fix)
    elif pools and (granularity is None or granularity.value != "run"):
        fix = "set concurrency: {pools: {granularity: run}} in dagster.yaml"
        yield warning("pools", "they count steps: runs that wait for a pool each hold a worker", fix=fix)
    elif pools:
        yield ok("pools", ", ".join(f"{name}: {limit}" for name, limit in sorted(pools.items())))


def check_pool(suite: Suite) -> Iterator[Finding]:
    """Whether the pool that a suite names has a limit."""
    pool = suite.spec.evaluation.pool
    if pool is None or PipelineSettings.from_environment().dagster_home is None:
        return
    with dg.DagsterInstance.get() as instance:
        limits = {found.name for found in instance.event_log_storage.get_pool_limits()}
    if pool not in limits:
        message = f"{suite.name} names the pool {pool}, which has no limit"
        yield warning("pools", message, fix=f"dagster instance concurrency set {pool} 4")
