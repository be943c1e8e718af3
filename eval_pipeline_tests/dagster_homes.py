"""Dagster instances for tests, whose databases are copied from a template instead of migrated from nothing.

Dagster builds each SQLite database by Alembic: 0.3 s of CPU for an instance and 0.1 s for the shard of a run, most of
it to read some seventy scripts of migrations again.
"""

import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.sql import get_alembic_config

_ENGINES = 32
_NO_COMPUTE_LOGS = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
"""Two processes that follow the output, and two that watch these, are not started for each run."""


@contextlib.contextmanager
def dagster_instance(folder: Path, *, compute_logs: bool = False) -> Iterator[dg.DagsterInstance]:
    """An instance on SQLite in `folder`, which `DAGSTER_HOME` names meanwhile.

    Args:
        folder: takes the databases.
        compute_logs: whether what steps print is stored.
    """
    copy_databases(folder)
    with dg.instance_for_test(temp_dir=str(folder), overrides=None if compute_logs else _NO_COMPUTE_LOGS) as instance:
        yield instance


def copy_databases(home: Path) -> None:
    """Put the databases of an instance that has no runs yet into `home`, unless it has some."""
    if not (home / "history").exists():
        for name in ("history", "schedules"):
            shutil.copytree(_template() / name, home / name)


@functools.cache
def _template() -> Path:
    """A folder with the databases of an instance, made once a process, until that ends."""
    folder = Path(tempfile.mkdtemp(prefix="dagster-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with dg.instance_for_test(temp_dir=str(folder)) as instance:
        instance.get_run_records(limit=1)
        instance.all_instigator_state()
        instance.all_asset_keys()
    return folder


def prepare_dagster() -> None:
    """Have SQLite's databases cost less in this process."""
    _read_migrations_once()
    _keep_engines()


def read_migrations() -> None:
    """Read the scripts of migrations now, once for all processes that are forked from this one."""
    _read_migrations_once()
    directory = ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))
    assert list(directory.walk_revisions())


def _keep_engines() -> None:
    """Dagster makes an engine, and compiles each statement, for every connection to a SQLite database."""
    engines: dict[str, Any] = {}
    storages: tuple[Any, ...] = (sqlite_event_log, sqlite_run_storage)
    create = sqlite_event_log.create_engine  # type: ignore[attr-defined]

    def create_once(url: str, **options: Any) -> Any:
        if url not in engines:
            if len(engines) >= _ENGINES:
                engines.pop(next(iter(engines)))
            engines[url] = create(url, **options)
        return engines[url]

    for storage in storages:
        storage.create_engine = create_once


def _read_migrations_once() -> None:
    """Alembic reads the folder of migrations for every database."""
    directories: dict[str | None, ScriptDirectory] = {}
    read = ScriptDirectory.from_config

    def from_config(config: Config) -> ScriptDirectory:
        location = config.get_main_option("script_location")
        if location not in directories:
            directories[location] = read(config)
        return directories[location]

    ScriptDirectory.from_config = from_config  # type: ignore[method-assign]
