"""A Postgres of its own for a test, which can be restarted under whoever uses it."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline_tests.ports import reserved_port

_DATABASE = "postgres"


def _program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A running server."""

    folder: Path
    port: int

    @property
    def overrides(self) -> dict[str, Any]:
        """Of a Dagster instance: everything in this database."""
        return {"storage": {"postgres": {"postgres_url": self.url()}}}

    @property
    def batching_overrides(self) -> dict[str, Any]:
        """The same, by the storage of ours."""
        named = {"module": "eval_pipeline.dagster_ext.postgres_storage", "class": "BatchingPostgresStorage"}
        return {"storage": {"custom": {**named, "config": {"postgres_url": self.url()}}}}

    def url(self, database: str = _DATABASE) -> str:
        """Of one of its databases, for SQLAlchemy."""
        return f"postgresql+psycopg2://dagster@127.0.0.1:{self.port}/{database}"

    def control(self, *command: str) -> None:
        """`pg_ctl` on its folder."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        _as_postgres("pg_ctl", "-D", str(self.folder), "-w", "-l", str(self.folder / "log"), "-o", options, *command)


@contextlib.contextmanager
def running_postgres(folder: Path) -> Iterator[Postgres]:
    """A server in `folder`, or, for root, in one that Postgres can reach; skips the test where none is installed."""
    if _program("initdb") is None or (os.getuid() == 0 and shutil.which("runuser") is None):
        pytest.skip("Postgres is not installed (Debian: apt-get install postgresql)")
    with _reachable(folder) as reached:
        yield from _serving(reached)


@contextlib.contextmanager
def _reachable(folder: Path) -> Iterator[Path]:
    """Postgres does not run as root, and pytest keeps its folders from everybody else, again whenever one starts."""
    if os.getuid() != 0:
        folder.mkdir(parents=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="postgres-") as made:
        shutil.chown(made, "postgres")
        yield Path(made)


def _serving(folder: Path) -> Iterator[Postgres]:
    _as_postgres("initdb", "-D", str(folder), "-U", "dagster", "--auth=trust", "-E", "UTF8", "--no-sync")
    with reserved_port() as port:
        server = Postgres(folder=folder, port=port)
        server.control("start")
        try:
            yield server
        finally:
            # One that a test has stopped is stopped.
            with contextlib.suppress(subprocess.CalledProcessError):
                server.control("stop", "-m", "immediate")


def _as_postgres(program: str, *arguments: str) -> None:
    found = _program(program)
    assert found is not None
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*user, found, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=60, cwd="/")
