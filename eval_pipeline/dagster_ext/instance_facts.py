"""How a Dagster instance is configured and whether its daemons are alive, for `eval-pipeline doctor`.

`DagsterInstance` is public, but most attributes that say how it is configured are undocumented; no public API gives its
launcher, queue, pools or heartbeats. They are read here only. If a new version of Dagster changes them, reading raises,
and the doctor reports the failed check; runs do not depend on it.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from eval_pipeline.settings import environment_variable


@dataclass(frozen=True, kw_only=True)
class DaemonFacts:
    """One daemon of an instance."""

    heartbeat_age_s: float
    has_errors: bool


@dataclass(frozen=True, kw_only=True)
class QueueFacts:
    """How runs wait to be launched."""

    coordinator: str
    """Class name of the run coordinator."""
    max_concurrent_runs: int | None
    """None for no limit."""


@dataclass(frozen=True, kw_only=True)
class PoolFacts:
    """The concurrency pools."""

    limits: Mapping[str, int]
    count_runs: bool
    """Whether limits count runs rather than steps (`granularity: run`)."""


class InstanceFacts:
    """Reads facts from an instance. Each method may raise what Dagster or a database driver raises."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance

    def read_databases(self) -> None:
        """Read a run, an event and the partitions, to see that all databases answer."""
        self.instance.get_run_records(limit=1)
        self.instance.get_dynamic_partitions("eval_pipeline/doctor")
        self.instance.get_latest_materialization_event(dg.AssetKey("eval_pipeline_doctor"))

    def daemons(self) -> Mapping[str, DaemonFacts]:
        """The daemons that have ever run, by name."""
        now = time.time()
        return {
            name: DaemonFacts(heartbeat_age_s=now - heartbeat.timestamp, has_errors=bool(heartbeat.errors))
            for name, heartbeat in self.instance.get_daemon_heartbeats().items()
        }

    def queue(self) -> QueueFacts:
        """The run coordinator and its limit."""
        config = self.instance.get_concurrency_config().run_queue_config
        most = None if config is None else config.max_concurrent_runs
        name = type(self.instance.run_coordinator).__name__
        return QueueFacts(coordinator=name, max_concurrent_runs=None if most == -1 else most)

    def launcher(self) -> Any:
        """The run launcher."""
        return self.instance.run_launcher

    def monitors_runs(self) -> bool:
        """Whether run monitoring is on."""
        return bool(self.instance.run_monitoring_enabled)

    def retries_runs(self) -> bool:
        """Whether failed runs are launched again."""
        return bool(self.instance.run_retries_enabled and self.instance.run_retries_max_retries)

    def event_log_storage(self) -> str:
        """Class name of the storage of events."""
        return type(self.instance.event_log_storage).__name__

    def pools(self) -> PoolFacts:
        """The pools that have a limit."""
        limits = {pool.name: pool.limit for pool in self.instance.event_log_storage.get_pool_limits()}
        granularity = self.instance.get_concurrency_config().pool_config.pool_granularity
        return PoolFacts(limits=limits, count_runs=granularity is not None and granularity.value == "run")

    def log_bucket(self) -> str | None:
        """The S3 bucket of compute logs; None if they are elsewhere."""
        manager = self.instance.compute_log_manager
        config = getattr(manager, "inst_data", None)
        if type(manager).__name__ != "S3ComputeLogManager" or config is None:
            return None
        bucket = config.config_dict["bucket"]
        return environment_variable(bucket["env"]) or "" if isinstance(bucket, dict) else str(bucket)


@contextlib.contextmanager
def open_instance_facts() -> Iterator[InstanceFacts]:
    """The facts of the instance that DAGSTER_HOME names, which must exist."""
    with dg.DagsterInstance.get() as instance:
        yield InstanceFacts(instance)
