"""Checks of the Dagster instance: its configuration, its database, its daemons, its queue and pools, its broker.

Belongs here: what `dagster.yaml` decides. Does not belong here: what runs use besides Dagster.
"""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy.exc
import yaml

from eval_pipeline.doctor.finding import Finding, failed, ok, warning

HEARTBEAT_SECONDS = 300.0
BROKER_SECONDS = 3.0
DATABASE_FIX = "check that it runs, its address, user and password; run `dagster instance migrate` after an upgrade"


def check_instance() -> Iterator[Finding]:
    """Open the instance and look at what it stands on."""
    home = os.environ.get("DAGSTER_HOME")
    if not home or not Path(home).is_absolute():
        fix = "set DAGSTER_HOME to the absolute path of the folder that holds dagster.yaml"
        yield failed("instance", "DAGSTER_HOME is not set" if not home else f"{home} is not absolute", fix=fix)
        return
    if not (Path(home) / "dagster.yaml").is_file():
        yield warning("instance", f"{home} has no dagster.yaml", fix="start from one of deploy/")
    try:
        instance = dg.DagsterInstance.get()
    except Exception as error:  # noqa: BLE001 - Dagster raises errors of a dozen kinds here
        if any(isinstance(cause, sqlalchemy.exc.DBAPIError) for cause in _causes(error)):
            yield failed("database", _reason(error), fix=DATABASE_FIX)
        else:
            yield failed("instance", _reason(error), fix=f"mend {home}/dagster.yaml")
        return
    yield ok("instance", home)
    with instance:
        yield from _database(instance)
        yield from _daemons(instance)
        yield from _queue(instance)
    yield from check_broker(Path(home) / "dagster.yaml")


def _database(instance: dg.DagsterInstance) -> Iterator[Finding]:
    try:
        instance.get_run_records(limit=1)
        instance.get_dynamic_partitions("eval_pipeline/doctor")
        instance.get_latest_materialization_event(dg.AssetKey("eval_pipeline_doctor"))
    except Exception as error:  # noqa: BLE001 - whatever its driver raises
        yield failed("database", _reason(error), fix=DATABASE_FIX)
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


def _queue(instance: dg.DagsterInstance) -> Iterator[Finding]:
    coordinator = type(instance.run_coordinator).__name__
    if coordinator != "QueuedRunCoordinator":
        fix = "configure run_coordinator: QueuedRunCoordinator with max_concurrent_runs"
        yield warning("queue", f"{coordinator}: a backfill starts all its runs at once", fix=fix)
        return
    yield ok("queue", "runs are queued")


def check_broker(dagster_yaml: Path) -> Iterator[Finding]:
    """Whether the broker of a Celery launcher answers; nothing where runs do not go through one."""
    try:
        launcher: Any = (yaml.safe_load(dagster_yaml.read_text(encoding="utf-8")) or {}).get("run_launcher") or {}
    except (OSError, yaml.YAMLError):
        return
    if "celery" not in str(launcher.get("module", "")):
        return
    url = _value((launcher.get("config") or {}).get("broker"))
    try:
        import kombu  # noqa: PLC0415 - installed only with the extra `celery`
    except ImportError:
        fix = "install eval_pipeline[celery]"
        yield failed("broker", "dagster.yaml wants Celery, which is not installed", fix=fix)
        return
    try:
        with kombu.Connection(url, connect_timeout=BROKER_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
    except Exception as error:  # noqa: BLE001 - a kind for each transport
        fix = "start the broker, or correct run_launcher.config.broker"
        yield failed("broker", f"{without_password(str(url))}: {_reason(error)}", fix=fix)
        return
    yield ok("broker", without_password(str(url)))


def _value(configured: Any) -> Any:
    if isinstance(configured, dict) and "env" in configured:
        return os.environ.get(str(configured["env"]), "")
    return configured


def _reason(error: BaseException) -> str:
    """The error that began it, in one line."""
    first = list(_causes(error))[-1]
    lines = [line.strip() for line in str(first).splitlines() if line.strip()]
    return f"{type(first).__name__}: {without_password(lines[0]) if lines else ''}"[:400]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """`error`, what it was raised from, and so on; drivers' own errors are left to SQLAlchemy's, which say the same."""
    while error is not None:
        yield error
        error = None if isinstance(error, sqlalchemy.exc.DBAPIError) else error.__cause__


def without_password(text: str) -> str:
    """`text` with the user and password of every URL in it left out."""
    return re.sub(r"://[^/@\s]+@", "://…@", text)
