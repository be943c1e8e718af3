"""Dagster instances for tests, whose databases are copied from a template instead of migrated from nothing.

Dagster builds each SQLite database by Alembic: 0.3 s of CPU for an instance and 0.1 s for the shard of a run, most of
it to read some seventy scripts of migrations again.
"""

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from alembic.config import Config
from alembic.script import ScriptDirectory

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
    """Put the databases of an instance that has no runs yet into `home`."""
    for name in ("history", "schedules"):
        shutil.copytree(_template() / name, home / name, dirs_exist_ok=True)


@functools.cache
def _template() -> Path:
    """A folder with the databases of an instance, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="dagster-template-"))
    with dg.instance_for_test(temp_dir=str(folder)) as instance:
        instance.get_run_records(limit=1)
        instance.all_instigator_state()
        instance.all_asset_keys()
    return folder


def read_migrations_once() -> None:
    """Have Alembic read each folder of migrations once a process instead of once a database."""
    directories: dict[str | None, ScriptDirectory] = {}
    read = ScriptDirectory.from_config

    def from_config(config: Config) -> ScriptDirectory:
        location = config.get_main_option("script_location")
        if location not in directories:
            directories[location] = read(config)
        return directories[location]

    ScriptDirectory.from_config = from_config  # type: ignore[method-assign]
