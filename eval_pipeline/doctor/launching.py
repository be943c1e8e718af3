"""Checks of how runs are launched: queue, launcher, monitoring, event storage, pools."""

from collections.abc import Iterator
from typing import Any

from eval_pipeline.dagster_ext.instance_facts import InstanceFacts, QueueFacts, open_instance_facts
from eval_pipeline.doctor.celery_workers import check_celery
from eval_pipeline.doctor.finding import Finding, failed, ok, reason_of, warning
from eval_pipeline.settings import PipelineSettings
from eval_pipeline.suite.suite import Suite

BATCH_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
_QUEUED = "QueuedRunCoordinator"
_IGNORANT = "DefaultRunLauncher"
"""Dagster's default, which does not know the processes of its runs."""
_CHILD_PROCESS_LAUNCHERS = {_IGNORANT, "SyncInMemoryRunLauncher"}
"""Launchers that cannot check their runs."""


def check_launching(facts: InstanceFacts) -> Iterator[Finding]:
    """Check everything from the queue to the worker."""
    queue = facts.queue()
    yield _queue(queue)
    try:
        launcher: Any = facts.launcher()
    except Exception as error:  # noqa: BLE001 - whatever the configured class raises
        fix = "install the package of run_launcher (eval_pipeline[celery] for Celery), or correct it in dagster.yaml"
        yield failed("launcher", reason_of(error), fix=fix)
        return
    yield from _monitoring(facts, type(launcher).__name__)
    if hasattr(launcher, "celery"):
        most = queue.max_concurrent_runs if queue.coordinator == _QUEUED else None
        yield from check_celery(launcher, most or None)
    yield from _event_storage(facts)
    yield from _pools(facts)


def _queue(queue: QueueFacts) -> Finding:
    if queue.coordinator != _QUEUED:
        fix = f"configure run_coordinator: {_QUEUED} with max_concurrent_runs"
        return warning("queue", f"{queue.coordinator}: a backfill starts all its runs at once", fix=fix)
    most = queue.max_concurrent_runs
    if most == 0:
        return failed("queue", "max_concurrent_runs is 0: no run ever starts", fix="raise it in dagster.yaml")
    return ok("queue", "runs are queued" if most is None else f"runs are queued, {most} at a time")


def _monitoring(facts: InstanceFacts, launcher: str) -> Iterator[Finding]:
    if launcher == _IGNORANT:
        fix = (
            "set run_launcher: {module: eval_pipeline.dagster_ext.local_launcher, class: LocalRunLauncher} and "
            "run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 30} in dagster.yaml"
        )
        yield warning("monitoring", f"{launcher}: a run that is killed stays STARTED, and blocks the queue", fix=fix)
    if launcher in _CHILD_PROCESS_LAUNCHERS:
        return
    if not facts.monitors_runs():
        message = f"run_monitoring is off: a run whose worker dies stays STARTED indefinitely ({launcher})"
        yield failed("monitoring", message, fix="set run_monitoring: {enabled: true} in dagster.yaml")
    elif not facts.retries_runs():
        fix = "set run_retries: {enabled: true, max_retries: 3, retry_on_asset_or_op_failure: false}"
        yield warning("monitoring", "run_retries are off: a run whose worker dies is not launched again", fix=fix)
    else:
        yield ok("monitoring", "runs whose worker dies are detected and launched again")


def _event_storage(facts: InstanceFacts) -> Iterator[Finding]:
    """Check that Postgres gets many events at once, which takes our storage and a variable where runs execute."""
    storage = facts.event_log_storage()
    if "Postgres" not in storage:
        return
    batch_size = PipelineSettings.from_environment().dagster_event_batch_size or 0
    if batch_size <= 1:
        fix = f"set {BATCH_VARIABLE}=1000 for the daemon and for all processes that execute runs"
        yield warning("recording", "partitions are recorded one by one: 10,000 take minutes", fix=fix)
    elif storage != "BatchingPostgresEventLogStorage":
        fix = "use eval_pipeline.dagster_ext.postgres_storage in dagster.yaml, as deploy/celery/dagster.yaml does"
        yield warning("recording", "planned events are recorded one by one: 10,000 partitions take minutes", fix=fix)
    else:
        yield ok("recording", f"partitions are recorded up to {batch_size} at a time")


def _pools(facts: InstanceFacts) -> Iterator[Finding]:
    pools = facts.pools()
    closed = sorted(name for name, limit in pools.limits.items() if limit == 0)
    if closed:
        fix = f"dagster instance concurrency set {closed[0]} 4"
        yield failed("pools", f"limit 0, so their runs never start: {', '.join(closed)}", fix=fix)
    elif pools.limits and not pools.count_runs:
        fix = "set concurrency: {pools: {granularity: run}} in dagster.yaml"
        yield warning("pools", "limits count steps, so a run that waits for a pool occupies a worker", fix=fix)
    elif pools.limits:
        yield ok("pools", ", ".join(f"{name}: {limit}" for name, limit in sorted(pools.limits.items())))


def check_pool(suite: Suite) -> Iterator[Finding]:
    """Check that the pool of a suite has a limit."""
    pool = suite.spec.evaluation.pool
    if pool is None or PipelineSettings.from_environment().dagster_home is None:
        return
    with open_instance_facts() as facts:
        limits = facts.pools().limits
    if pool not in limits:
        message = f"the pool {pool} of {suite.name} has no limit"
        yield warning("pools", message, fix=f"dagster instance concurrency set {pool} 4")
