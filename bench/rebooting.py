"""A machine that is restarted in the middle of a backfill, as far as that can be done without restarting one.

Daemon, code server, web server and runs are in a PID namespace of their own. When its first process is killed, the
kernel kills all of them at once. They start again in another namespace, whose first process is another one, as after a
restart of a container: process ids are given anew, and the start of the machine that the launcher notes on a run is
another. `python -m bench.rebooting FOLDER PORT` is that first process.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import yaml

from eval_pipeline.defs.launching.instance import DEFAULT_YAML
from eval_pipeline.results.result_log import read_all_rows
from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.dagster_api import DagsterApi
from eval_pipeline_tests.dagster_deployment import running_dagster
from eval_pipeline_tests.defs.assets.backfills import CASES, write_filled
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.outcome import materialized_partitions
from eval_pipeline_tests.ports import reserved_port
from eval_pipeline_tests.waiting import wait_for

_NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child")
_PATIENCE_S = 420.0


def reboots_in_a_backfill(folder: Path, *, note: Callable[[str], None]) -> dict[str, int]:
    """Kill everything in the middle of a backfill of sixteen cases, start it again, and wait for the backfill to end.

    Returns:
        `attempts`, `lost`, `doubled`, `paid_twice` and `most_by_one_kill`.
    """
    write_filled(folder, storage={})
    retries = {"run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}}
    queue = {"run_queue": {"max_concurrent_runs": 2, "dequeue_interval_seconds": 1}}
    # One run at a time has the slot of the pool, which a killed run keeps until Dagster takes it back.
    pools = {"concurrency": {"pools": {"default_limit": 1}}}
    settings = {**yaml.safe_load(DEFAULT_YAML), **retries, **queue, **pools}
    settings["concurrency"]["runs"] = {"max_concurrent_runs": settings.pop("run_queue")["max_concurrent_runs"]}
    (folder / "home" / "dagster.yaml").write_text(yaml.safe_dump(settings))
    suite = folder / "suite" / "suite.yaml"
    suite.write_text(suite.read_text().replace("max_cases_per_run: 3", "max_cases_per_run: 3, pool: agents"))
    (folder / "suite" / "waits-at-c05").touch()
    project = _prepared(folder)
    # The location is named by its port, and is the same after the restart.
    with reserved_port() as code_port:
        return _rebooted(folder, project, code_port=code_port, note=note)


def _rebooted(folder: Path, project: DagsterProject, *, code_port: int, note: Callable[[str], None]) -> dict[str, int]:
    with _machine(folder, code_port) as (api, kill):
        backfill = api.backfill([["filled", "case_results"]], CASES)
        wait_for(lambda: "c05" in _calls(folder), timeout_s=_PATIENCE_S, otherwise=lambda: _log(folder))
        began = time.monotonic()
        kill()
    (folder / "suite" / "waits-at-c05").unlink()
    reported = _doctor(folder)
    note(f"reboot: doctor says: {reported}")
    with _machine(folder, code_port) as (api, _):
        status = wait_for(lambda: api.ended_backfill(backfill), timeout_s=_PATIENCE_S, otherwise=lambda: _log(folder))
        note(f"reboot: the backfill ended {status} {time.monotonic() - began:.0f} s after the kill")
    return _outcome(folder, project, ended_well=status == "COMPLETED_SUCCESS" and "restarted" in reported)


def _prepared(folder: Path) -> DagsterProject:
    os.environ["DAGSTER_HOME"] = str(folder / "home")
    with dg.DagsterInstance.get() as instance:
        project = DagsterProject(
            folder=folder / "suite", suite="filled", instance=instance, store_root=folder / "store"
        )
        assert project.run(assets=["test_cases", "shared_context"]).success
    return project


def _outcome(folder: Path, project: DagsterProject, *, ended_well: bool) -> dict[str, int]:
    store = open_store(str(folder / "store"))
    (experiment,) = {key.split("/")[2] for key in store.list("experiments/filled/")}
    rows = read_all_rows(store, "filled", experiment, columns=["status"]).column("case_id").to_pylist()
    with dg.DagsterInstance.get() as instance:
        reported = materialized_partitions(instance, project.key("case_results"))
    asked = Counter(_calls(folder))
    twice = asked.total() - len(asked)
    return {
        "attempts": len(CASES),
        "lost": sum(len(CASES) - len(set(each)) for each in (rows, reported)) + (not ended_well),
        "doubled": sum(len(each) - len(set(each)) for each in (rows, reported)),
        "paid_twice": twice,
        "most_by_one_kill": twice,
    }


@contextlib.contextmanager
def _machine(folder: Path, code_port: int) -> Iterator[tuple[DagsterApi, Callable[[], None]]]:
    """The deployment in a namespace, and what kills all that is in it."""
    url = folder / "url"
    url.unlink(missing_ok=True)
    process = subprocess.Popen(
        [*_NAMESPACE, sys.executable, "-m", "bench.rebooting", str(folder), str(code_port)],
        env=_environment(folder),
        start_new_session=True,
    )

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # `--kill-child` ends the first process, and with it the namespace
        process.wait()

    try:
        wait_for(url.exists, timeout_s=_PATIENCE_S, otherwise=lambda: _log(folder))
        api = DagsterApi(url=url.read_text())
        wait_for(api.loaded, timeout_s=_PATIENCE_S, otherwise=lambda: _log(folder))
        yield api, kill
    finally:
        kill()


def _doctor(folder: Path) -> str:
    """What the doctor reports of killed runs, on the machine that was restarted."""
    command = [*_NAMESPACE, sys.executable, "-c", "from eval_pipeline.cli.main import program; program()", "doctor"]
    done = subprocess.run(
        command, env=_environment(folder), cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    printed = " ".join((done.stdout + done.stderr).split())
    named = re.search(r"shown as running, but killed: .{0,200}", printed)
    return printed[-300:] if named is None else named[0]


def _environment(folder: Path) -> dict[str, str]:
    own = {"DAGSTER_HOME": "home", "EVAL_PIPELINE_STORE": "store", "EVAL_PIPELINE_CACHE": "cache"}
    return {
        **os.environ,
        **{name: str(folder / value) for name, value in own.items()},
        "EVAL_PIPELINE_TRACING": "off",
    }


def _calls(folder: Path) -> list[str]:
    calls = folder / "suite" / "calls"
    return calls.read_text().split() if calls.exists() else []


def _log(folder: Path) -> str:
    logs = [folder / f"{name}.log" for name in ("daemon", "code")]
    return "".join(log.read_text()[-2_000:] for log in logs if log.exists())


def main() -> None:
    """Run the deployment in a folder, as the first process of a namespace, until it is killed."""
    folder = Path(sys.argv[1])
    with running_dagster(folder, _environment(folder), web=True, code_port=int(sys.argv[2])) as url:
        (folder / "url").write_text(url)
        signal.pause()


if __name__ == "__main__":
    main()
