"""Checks of the Dagster instance: its configuration, its database, its daemons, where it keeps what runs print."""

import time
from collections.abc import Iterator

import dagster as dg
import sqlalchemy.exc

from eval_pipeline.defs.instance_checks.launching import check_launching
from eval_pipeline.defs.instance_checks.unended import check_runs
from eval_pipeline.doctor.finding import Finding, failed, ok, warning
from eval_pipeline.doctor.secretive import causes_of, reason_of
from eval_pipeline.settings import PipelineSettings, environment_variable

HEARTBEAT_SECONDS = 300.0
DATABASE_FIX = "check that it runs, its address, user and password; run `dagster instance migrate` after an upgrade"


def check_instance() -> Iterator[Finding]:
    """Open the instance and look at what it stands on."""
    home = PipelineSettings.from_environment().dagster_home
    if home is None or not home.is_absolute():
        fix = "set DAGSTER_HOME to the absolute path of the folder that holds dagster.yaml"
        yield failed("instance", "DAGSTER_HOME is not set" if home is None else f"{home} is not absolute", fix=fix)
        return
    if not (home / "dagster.yaml").is_file():
        yield warning("instance", f"{home} has no dagster.yaml", fix="start from one of deploy/")
    try:
        instance = dg.DagsterInstance.get()
    except Exception as error:  # noqa: BLE001 - Dagster raises errors of a dozen kinds here
        if any(isinstance(cause, sqlalchemy.exc.DBAPIError) for cause in causes_of(error)):
            yield failed("database", reason_of(error), fix=DATABASE_FIX)
        else:
            yield failed("instance", reason_of(error), fix=f"mend {home}/dagster.yaml")
        return
    yield ok("instance", str(home))
    with instance:
        yield from _database(instance)
        yield from _daemons(instance)
        yield from check_launching(instance)
        yield from check_runs(instance)
        yield from _logs(instance)


def _database(instance: dg.DagsterInstance) -> Iterator[Finding]:
    try:
        instance.get_run_records(limit=1)
        instance.get_dynamic_partitions("eval_pipeline/doctor")
        instance.get_latest_materialization_event(dg.AssetKey("eval_pipeline_doctor"))
    except Exception as error:  # noqa: BLE001 - whatever its driver raises
        yield failed("database", reason_of(error), fix=DATABASE_FIX)
        return
    yield ok("database", "runs, events and partitions can be read")


def _daemons(instance: dg.DagsterInstance) -> Iterator[Finding]:
    beats = instance.get_daemon_heartbeats()
    now = time.time()
    late = sorted(name for name, beat in beats.items() if now - beat.timestamp > HEARTBEAT_SECONDS)
    erring = sorted(name for name, beat in beats.items() if beat.errors)
    fix = "start `dagster-daemon run`, once per instance"
    if not beats:
        yield warning("daemon", "no daemon ever ran: no schedule, sensor, backfill or queue works", fix=fix)
    elif late:
        yield warning("daemon", f"no sign of life for five minutes: {', '.join(late)}", fix=fix)
    elif erring:
        yield warning("daemon", f"errors in {', '.join(erring)}", fix="see the daemon's log")
    else:
        yield ok("daemon", f"alive: {', '.join(sorted(beats))}")


def _logs(instance: dg.DagsterInstance) -> Iterator[Finding]:
    """Whether the bucket for what runs print can be reached; a run does not fail without it, and nobody sees why."""
    manager = instance.compute_log_manager
    configured = getattr(manager, "inst_data", None)
    if type(manager).__name__ != "S3ComputeLogManager" or configured is None:
        return
    import boto3  # noqa: PLC0415 - takes a second to import, which instances without a bucket need not pay

    bucket = configured.config_dict["bucket"]
    name = environment_variable(bucket["env"]) or "" if isinstance(bucket, dict) else str(bucket)
    try:
        boto3.client("s3").head_bucket(Bucket=name)
    except Exception as error:  # noqa: BLE001 - a kind for each cause
        fix = "create the bucket, allow s3:ListBucket, or correct compute_logs in dagster.yaml"
        yield failed("logs", f"s3://{name}: {reason_of(error)}", fix=fix)
        return
    yield ok("logs", f"s3://{name}")
