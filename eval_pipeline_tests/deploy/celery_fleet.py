"""All of `deploy/celery` on loopback: Postgres, Redis, an S3 server, a recorder, and the processes of its Procfile.

Its `dagster.yaml` is used as it is but for the intervals, which are seconds here. Each worker has a cache and a
spool of its own, as on a host of its own.
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import yaml

from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline_tests.dagster_api import DagsterApi
from eval_pipeline_tests.deploy.counted_suite import CountedSuite
from eval_pipeline_tests.deploy.processes import ProcessGroup, ending
from eval_pipeline_tests.ports import reserved_port
from eval_pipeline_tests.postgres import running_postgres
from eval_pipeline_tests.quick_dagster import QUICK_DAEMON
from eval_pipeline_tests.redis_server import running_redis
from eval_pipeline_tests.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server
from eval_pipeline_tests.waiting import wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"
PATIENCE_S = 600.0
"""For anything that is waited for: CI's machines are slow."""
_PROGRAMS = Path(sys.executable).parent
_SECONDS: Mapping[str, Any] = {
    "run_monitoring": {"poll_interval_seconds": 1},
    "run_launcher": {"config": {"lost_after_seconds": 15}},
    # Two workers of one place each.
    "concurrency": {"runs": {"max_concurrent_runs": 2}},
    "compute_logs": {"config": {"upload_interval": None}},
}


@dataclass(kw_only=True)
class CeleryFleet:
    """What runs, and what can be done to it."""

    folder: Path
    suite: CountedSuite
    environment: Mapping[str, str]
    store_root: str
    recorder_url: str
    api: DagsterApi
    instance: dg.DagsterInstance
    warm: bool
    """Whether processes are forked from a server that has imported their programs."""
    groups: dict[str, ProcessGroup] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """The bucket."""
        return open_store(self.store_root)

    def start(self, name: str, command: Sequence[str], **own: str) -> ProcessGroup:
        """Start a program with variables of its own."""
        environment = {**self.environment, **own}
        self.groups[name] = ProcessGroup(name, command, environment=environment, folder=self.folder, warm=self.warm)
        return self.groups[name]

    def start_worker(self, name: str) -> None:
        """Start a worker, as if on a host of its own."""
        own = {
            "EVAL_PIPELINE_CACHE": f"{self.folder}/{name}/cache",
            "EVAL_PIPELINE_SPOOL": f"{self.folder}/{name}/spool",
        }
        own |= {"WORKER_NAME": name, "WORKER_CONCURRENCY": "1"}
        self.start(name, _process("worker", {**self.environment, **own}), **own)

    def kill_whoever_has(self, pid: int) -> str:
        """Kill a process with all of its group, at once. Returns the group's name."""
        (group,) = (group for group in self.groups.values() if pid in group.pids)
        group.kill()
        return group.name

    def until(self, there: Any) -> Any:
        """Wait for something to be there, while all that runs goes on running. Returns it."""
        return wait_for(there, timeout_s=PATIENCE_S, otherwise=self.logs)

    def end_of_backfill(self, backfill: str) -> str:
        """Wait for a backfill to end, and return its status."""
        return str(self.until(partial(self.api.ended_backfill, backfill)))

    def end_of_run(self, run_id: str) -> str:
        """Wait for a run to end, and return its status."""
        return str(self.until(partial(self.api.ended_run, run_id)))

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"--- {group.name}\n{group.log.read_text()[-3_000:]}" for group in self.groups.values())


@contextlib.contextmanager
def running_fleet(
    folder: Path, suite: CountedSuite, *, daemon: tuple[str, ...] = QUICK_DAEMON, warm: bool = False
) -> Iterator[CeleryFleet]:
    """Start everything, with two workers; returns when the web server has loaded the suite.

    Args:
        folder: of all that is stored.
        suite: what is evaluated.
        daemon: its program, in place of `dagster-daemon`.
        warm: fork the processes from a server that has imported their programs, instead of starting Python for each.
    """
    groups: dict[str, ProcessGroup] = {}
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        broker = stack.enter_context(running_redis(folder / "redis")).url
        stack.enter_context(ending(groups))
        s3, recorder, code, web = (stack.enter_context(reserved_port()) for _ in range(4))
        home = _home(folder)
        own = {
            "PATH": f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "DAGSTER_HOME": str(home),
            "DAGSTER_EVENT_BATCH_SIZE": "1000",
            "DAGSTER_EVENT_LOG_CONSUMER_DAEMON_INTERVAL_SECONDS": "1",
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(postgres.port),
            "DAGSTER_PG_USERNAME": "dagster",
            "DAGSTER_PG_PASSWORD": "",
            "DAGSTER_PG_DB": "postgres",
            "DAGSTER_LOGS_BUCKET": "logs",
            "EVAL_PIPELINE_BROKER": broker,
            "EVAL_PIPELINE_CODE_HOST": "127.0.0.1",
            "EVAL_PIPELINE_CODE_PORT": str(code),
            "EVAL_PIPELINE_STORE": "s3://evaluations/team",
            "EVAL_PIPELINE_SUITES": str(suite.folder),
            "EVAL_PIPELINE_CACHE": str(folder / "cache"),
            "EVAL_PIPELINE_SPOOL": str(folder / "spool"),
            "EVAL_PIPELINE_TRACING": "recorder",
            "EVAL_PIPELINE_RECORDER_URL": f"http://127.0.0.1:{recorder}",
            "LANGSMITH_TRACING": "true",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{s3}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "PORT": str(web),
        }
        stack.enter_context(mock.patch.dict(os.environ, own))
        # Two first uses of a database at once break it.
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        fleet = CeleryFleet(
            folder=folder,
            suite=suite,
            environment=dict(os.environ),
            store_root=own["EVAL_PIPELINE_STORE"],
            recorder_url=own["EVAL_PIPELINE_RECORDER_URL"],
            api=DagsterApi(url=f"http://127.0.0.1:{web}"),
            instance=instance,
            warm=warm,
            groups=groups,
        )
        database = str(folder / "recorder.sqlite")
        fleet.start("s3", ("moto_server", "-H", "127.0.0.1", "-p", str(s3)))
        fleet.start("recorder", ("eval-pipeline", "recorder", "--port", str(recorder), "--db", database))
        fleet.start("code", _process("code", fleet.environment))
        for name in ("worker-1", "worker-2"):
            fleet.start_worker(name)
        for port in (s3, recorder, code):
            fleet.until(partial(_listens, port))
        for bucket in ("evaluations", "logs"):
            S3Server(endpoint=own["AWS_ENDPOINT_URL_S3"]).client().create_bucket(Bucket=bucket)
        fleet.start("daemon", _process("daemon", fleet.environment, daemon))
        fleet.start("web", _process("web", fleet.environment))
        fleet.until(fleet.api.loaded)
        yield fleet


def _home(folder: Path) -> Path:
    """`deploy/celery`, with intervals of seconds."""
    home = folder / "home"
    home.mkdir()
    settings = yaml.safe_load((DEPLOY / "celery" / "dagster.yaml").read_text())
    (home / "dagster.yaml").write_text(yaml.safe_dump(_merged(settings, _SECONDS)))
    (home / "workspace.yaml").write_text((DEPLOY / "celery" / "workspace.yaml").read_text())
    return home


def _merged(settings: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    deeper = {name: _merged(settings[name], value) for name, value in over.items() if isinstance(value, dict)}
    return {**settings, **over, **deeper}


def _process(name: str, environment: Mapping[str, str], instead: Sequence[str] = ()) -> list[str]:
    """The command of a line of the Procfile, with its variables replaced; `instead` of its program another."""
    lines = (DEPLOY / "celery" / "Procfile").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}: "))
    words = ["sh", "-c", f"printf '%s\\n' {line.removeprefix(f'{name}: ')}"]
    program, *arguments = subprocess.check_output(words, env=dict(environment), text=True).splitlines()
    return [*(instead or [program]), *arguments]


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
