"""The Dagster instance of the terminal: `DAGSTER_HOME`, or `.dagster_home` in the working folder."""

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import click
import dagster as dg
import filelock
from sqlalchemy.exc import DBAPIError

from eval_pipeline.defs.launching.cli_runs import end_dead_runs
from eval_pipeline.errors import InputError, PermanentError, Problem, TransientError
from eval_pipeline.settings import PipelineSettings
from eval_pipeline.working_folder import in_working_folder

DEFAULT_HOME = ".dagster_home"

DEFAULT_YAML = """\
# Written once by eval-pipeline; edit as you like.
telemetry: {enabled: false}
nux: {enabled: false}
# Writes Dagster's SQLite files many events at a time; without this entry Dagster writes them one by one.
event_log_storage: {module: eval_pipeline.dagster_ext.sqlite_storage, class: BatchingSqliteEventLogStorage}
# Detects runs whose process was killed, also by a restart of the machine.
run_launcher: {module: eval_pipeline.dagster_ext.local_launcher, class: LocalRunLauncher}
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
  poll_interval_seconds: 30
  free_slots_after_run_end_seconds: 30 # those of pools, which a killed run keeps
"""
"""The `dagster.yaml` of a new home."""
_BATCH_VARIABLE, _BATCH = "DAGSTER_EVENT_BATCH_SIZE", "1000"
"""Read by Dagster: without it, planned events are written one by one, whatever the storage."""
_MOVED_MODULES = {
    "eval_pipeline.dagster_storage": "eval_pipeline.dagster_ext.sqlite_storage",
    "eval_pipeline.dagster_postgres_storage": "eval_pipeline.dagster_ext.postgres_storage",
    "eval_pipeline.celery_runs": "eval_pipeline.dagster_ext.celery",
}
_MOVED = re.compile(rf"\b({'|'.join(map(re.escape, _MOVED_MODULES))})\b")


def home_folder() -> Path:
    """The folder of the instance, which may not exist yet."""
    return in_working_folder(PipelineSettings.from_environment().dagster_home or Path(DEFAULT_HOME)).resolve()


def open_instance() -> dg.DagsterInstance:
    """Open the instance, creating it if necessary; mark runs as failed whose process is gone.

    Raises:
        InputError: its dagster.yaml names a module that has moved.
        PermanentError: its folder cannot be written.
        TransientError: its databases cannot be used.
    """
    home = home_folder()
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault(_BATCH_VARIABLE, _BATCH)
    check_dagster_yaml(home)
    with databases_at(home):
        instance = _opened(home)
        for run in end_dead_runs(instance):
            message = f"run {run.run_id} of {run.experiment} ended without reporting to Dagster: marked it as failed"
            click.echo(message, err=True)
    return instance


def check_dagster_yaml(home: Path) -> None:
    """Check that dagster.yaml names no module that has moved to another package.

    Raises:
        InputError: names each line to change.
    """
    file = home / "dagster.yaml"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    problems = [
        Problem(
            message=f"{moved} is now {_MOVED_MODULES[moved]}",
            fix=f"replace {moved} with {_MOVED_MODULES[moved]} in that line",
            file=file,
            line=number,
        )
        for number, line in enumerate(lines, 1)
        for moved in _MOVED.findall(line.partition("#")[0])
    ]
    if problems:
        raise InputError(problems)


@contextlib.contextmanager
def databases_at(home: Path) -> Iterator[None]:
    """Translate errors of Dagster's databases, such as a full or read-only disk or no connection.

    Raises:
        TransientError: in place of the driver's error.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()[0]
        raise TransientError(
            f"Dagster's database cannot be read or written: {reason}",
            fix=f"check that the disk of {home} is neither full nor read-only, and that the database server of its "
            "dagster.yaml, if any, can be reached",
        ) from error


def _opened(home: Path) -> dg.DagsterInstance:
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Two processes that create the databases at the same time would leave them in a state that cannot be opened.
        with filelock.FileLock(home / ".opening.lock"):
            config = home / "dagster.yaml"
            if not config.exists():
                config.write_text(DEFAULT_YAML, encoding="utf-8")
            instance = dg.DagsterInstance.get()
            # The first query creates the run storage.
            instance.get_run_records(limit=1)
            return instance
    except OSError as error:
        raise PermanentError(
            f"{home}: {error.strerror or error}",
            fix="set DAGSTER_HOME to a folder that can be written, or free space on its disk",
        ) from error
