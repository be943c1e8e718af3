"""`eval-pipeline ui`: the Dagster UI, its daemon and the recorder, on the instance and store that `run` uses."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import yaml

from eval_pipeline.cli.options import store_option
from eval_pipeline.cli.shown import echo
from eval_pipeline.defs.launching.instance import open_instance
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.local_recorder import local_recorder
from eval_pipeline.serving.loopback import is_loopback
from eval_pipeline.settings import RECORDER_URL_VARIABLE, SPOOL_VARIABLE, STORE_VARIABLE
from eval_pipeline.tracing.send.flush import with_spool_of

_STOP_SECONDS = 10


@click.command()
@click.option("--port", type=int, default=3000, show_default=True, help="Port of the UI.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address; one beyond loopback requires --unprotected."
)
@click.option("--unprotected", is_flag=True, help="Allow an address beyond loopback: its users can run code here.")
@store_option
def ui(port: int, host: str, store: str, *, unprotected: bool) -> int:
    """Start the Dagster UI and daemon.

    The daemon runs schedules, sensors and backfills. Also starts the recorder, if traces go to it. Ctrl-C stops all.
    """
    if not is_loopback(host) and not unprotected:
        message = f"{host} can be reached from other machines, and the Dagster UI has no authentication"
        fix = "listen on 127.0.0.1 behind a proxy that authenticates users, or add --unprotected in a private network"
        raise InputError(Problem(message=message, fix=fix, field="--host"))
    with open_instance() as instance:
        home = Path(instance.root_directory)
    # Each run has a working folder of its own, so a relative path would be a different store in each.
    store = store if "://" in store else str(Path(store).resolve())
    environment = {**os.environ, "DAGSTER_HOME": str(home), STORE_VARIABLE: store}
    workspace = ["-w", str(_workspace(home))]
    # Dagster's programs are installed beside the interpreter, whose folder may not be on PATH.
    programs = Path(sys.executable).parent
    daemon = [str(programs / "dagster-daemon"), "run", *workspace]
    server = [str(programs / "dagster-webserver"), "--host", host, "--port", str(port), *workspace]
    # SIGTERM must stop the child processes, too; and processes that a shell starts with `&` ignore SIGINT.
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, signal.default_int_handler)
    settings = LangSmithResource().settings()
    environment[SPOOL_VARIABLE] = str(with_spool_of(settings, store).spool_folder.resolve())
    with contextlib.suppress(KeyboardInterrupt), local_recorder(settings, home) as recorder:
        if recorder is not None:
            environment[RECORDER_URL_VARIABLE] = recorder.url  # inherited by the runs that the UI launches
            moved = "" if recorder.moved is None else f"{recorder.moved}: "
            echo(f"{moved}the recorder is on {recorder.url}", err=True)
        with _running([daemon, server], environment) as processes:
            echo(f"Dagster UI on http://{host}:{port} · store {store} · Ctrl-C stops it", err=True)
            return processes[-1].wait()
    return 0


def _workspace(home: Path) -> Path:
    """The workspace.yaml of the working folder, or one that loads the installed package under the same name."""
    here = Path("workspace.yaml")
    if here.is_file():
        return here.resolve()
    module = {"module_name": "eval_pipeline.definitions", "location_name": "eval_pipeline"}
    file = home / "workspace.yaml"
    file.write_text(yaml.safe_dump({"load_from": [{"python_module": module}]}), encoding="utf-8")
    return file


@contextlib.contextmanager
def _running(commands: list[list[str]], environment: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes = [subprocess.Popen(command, env=environment) for command in commands]  # noqa: S603 - no user input
    try:
        yield processes
    finally:
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
