"""Checks of how runs begin and end: the queue, the launcher, Celery's broker and workers, monitoring, recording, pools.

Belongs here: what an instance that opened says of them. Does not belong here: opening it (`instance.py`).
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from eval_pipeline.doctor.finding import Finding, failed, ok, warning
from eval_pipeline.doctor.secretive import reason_of, without_password
from eval_pipeline.suite.suite import Suite

ANSWER_SECONDS = 3.0
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
        yield from _celery(launcher, most)
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


def _celery(launcher: Any, most: int | None) -> Iterator[Finding]:
    url = without_password(str(launcher.celery.conf.broker_url))
    try:
        with launcher.celery.connection_for_read(connect_timeout=ANSWER_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, timeout=ANSWER_SECONDS)
    except Exception as error:  # noqa: BLE001 - a kind for each transport
        fix = "start the broker, or correct run_launcher.config.broker"
        yield failed("broker", f"{url}: {reason_of(error)}", fix=fix)
        return
    yield ok("broker", url)
    if type(launcher).__name__ == "CeleryRunLauncher":
        fix = "use eval_pipeline.celery_runs.launcher, class WatchedCeleryRunLauncher"
        yield warning("launcher", "a run whose worker's host dies is waited for until max_runtime_seconds", fix=fix)
    workers: Mapping[str, Any] = launcher.celery.control.inspect(timeout=ANSWER_SECONDS).stats() or {}
    if not workers:
        fix = "start `celery --app eval_pipeline.celery_runs.app worker`, with the DAGSTER_HOME of this instance"
        yield failed("workers", f"none answers at {url}: runs wait, and fail after start_timeout_seconds", fix=fix)
        return
    places = sum(int(found.get("pool", {}).get("max-concurrency", 0)) for found in workers.values())
    if most is None or most > places:
        message = f"{len(workers)} with {places} places, for {most or 'any number of'} runs at a time"
        fix = "set concurrency.runs.max_concurrent_runs to the places: what waits at the broker fails after a while"
        yield warning("workers", message, fix=fix)
        return
    yield ok("workers", f"{len(workers)} with {places} places: {', '.join(sorted(workers))}")


def _recording(instance: dg.DagsterInstance) -> Iterator[Finding]:
    """On Postgres it takes our storage, and the environment of whatever executes runs; `eval-pipeline` sets its own."""
    storage, size = type(instance.event_log_storage).__name__, os.environ.get(BATCH_VARIABLE, "")
    if "Postgres" not in storage:
        return
    if not (size.isdigit() and int(size) > 1):
        fix = f"set {BATCH_VARIABLE}=1000 for the daemon and for whatever executes runs"
        yield warning("recording", "every partition is recorded by itself: 10,000 take minutes", fix=fix)
    elif storage != "BatchingPostgresEventLogStorage":
        fix = "name eval_pipeline.dagster_postgres_storage in dagster.yaml, as deploy/celery/dagster.yaml does"
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
    if pool is None or not os.environ.get("DAGSTER_HOME"):
        return
    with dg.DagsterInstance.get() as instance:
        limits = {found.name for found in instance.event_log_storage.get_pool_limits()}
    if pool not in limits:
        message = f"{suite.name} names the pool {pool}, which has no limit"
        yield warning("pools", message, fix=f"dagster instance concurrency set {pool} 4")
