"""The Dagster instance the terminal uses: `DAGSTER_HOME`, or `.dagster_home` in the working folder."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import click
import dagster as dg
import filelock
from sqlalchemy.exc import DBAPIError

from eval_pipeline.defs.launching.cli_runs import end_dead_runs
from eval_pipeline.errors import PermanentError, TransientError
from eval_pipeline.settings import PipelineSettings

DEFAULT_HOME = ".dagster_home"

_DAGSTER_YAML = """\
# Written once by eval-pipeline; edit as you like.
telemetry: {enabled: false}
nux: {enabled: false}
# Dagster's own SQLite files, written many events at a time; leave it out to have Dagster write them one by one.
event_log_storage: {module: eval_pipeline.dagster_ext.sqlite_storage, class: BatchingSqliteEventLogStorage}
"""
_BATCH_VARIABLE, _BATCH = "DAGSTER_EVENT_BATCH_SIZE", "1000"
"""Dagster's: without it the events that say what a run plans are written one by one, whatever the storage."""


def home_folder() -> Path:
    """Where the instance lives, whether it has been made or not."""
    return (PipelineSettings.from_environment().dagster_home or Path(DEFAULT_HOME)).resolve()


def open_instance() -> dg.DagsterInstance:
    """The instance, made if it is not there; runs that it takes for running and that are dead have failed from now on.

    Raises:
        PermanentError: its folder cannot be written.
        TransientError: its databases cannot be used.
    """
    home = home_folder()
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault(_BATCH_VARIABLE, _BATCH)
    with databases_at(home):
        instance = _opened(home)
        for run in end_dead_runs(instance):
            said = f"run {run.run_id} of {run.experiment} had ended without Dagster being told: it is a failed run now"
            click.echo(said, err=True)
    return instance


@contextlib.contextmanager
def databases_at(home: Path) -> Iterator[None]:
    """What Dagster's databases cannot do, full or read-only or away, as an error of ours.

    Raises:
        TransientError: in place of what they raised.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()[0]
        raise TransientError(
            f"Dagster's database cannot be read or written: {reason}",
            fix=f"see that the disk of {home} is neither full nor read-only, and that a database which the "
            "dagster.yaml there names can be reached",
        ) from error


def _opened(home: Path) -> dg.DagsterInstance:
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Two first uses at once would both create the databases, and leave them in a state nobody can open.
        with filelock.FileLock(home / ".opening.lock"):
            config = home / "dagster.yaml"
            if not config.exists():
                config.write_text(_DAGSTER_YAML, encoding="utf-8")
            instance = dg.DagsterInstance.get()
            # The run storage is made when it is first asked something.
            instance.get_run_records(limit=1)
            return instance
    except OSError as error:
        raise PermanentError(
            f"{home}: {error.strerror or error}",
            fix="set DAGSTER_HOME to a folder that can be written, or make room on its disk",
        ) from error
