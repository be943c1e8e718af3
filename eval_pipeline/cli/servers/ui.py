"""`eval-pipeline ui`: the Dagster UI and its daemon, and the recorder, on the instance and store the terminal uses."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import yaml

from eval_pipeline.cli.store_option import store_option
from eval_pipeline.defs.launching.instance import open_instance
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.local_recorder import DATABASE, local_recorder
from eval_pipeline.serving.access import is_loopback
from eval_pipeline.settings import RECORDER_URL_VARIABLE, SPOOL_VARIABLE, STORE_VARIABLE

_STOP_SECONDS = 10


@click.command()
@click.option("--port", type=int, default=3000, show_default=True, help="Port of the UI.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address; anything but loopback needs --unprotected."
)
@click.option("--unprotected", is_flag=True, help="Listen beyond loopback: whoever reaches it can run code here.")
@store_option
def ui(port: int, host: str, store: str, *, unprotected: bool) -> int:
    """Open the Dagster UI, with the daemon that runs schedules, sensors and backfills."""
    if not is_loopback(host) and not unprotected:
        message = f"{host} is reachable from outside this machine, and the Dagster UI knows no users"
        fix = "listen on 127.0.0.1 behind a proxy that asks for a name, or give --unprotected in a closed network"
        raise InputError(Problem(message=message, fix=fix, field="--host"))
    with open_instance() as instance:
        home = Path(instance.root_directory)
    # Runs work in folders of their own; a relative store would be another one in each.
    store = store if "://" in store else str(Path(store).resolve())
    environment = {**os.environ, "DAGSTER_HOME": str(home), STORE_VARIABLE: store}
    workspace = ["-w", str(_workspace(home))]
    # Installed beside the interpreter, which need not be on PATH.
    programs = Path(sys.executable).parent
    daemon = [str(programs / "dagster-daemon"), "run", *workspace]
    server = [str(programs / "dagster-webserver"), "--host", host, "--port", str(port), *workspace]
    # What stops a service must stop what it started as well; and a shell's `&` would have both ignore Ctrl-C.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, signal.default_int_handler)
    settings = LangSmithResource().settings()
    environment[SPOOL_VARIABLE] = str(settings.spool_folder.resolve())
    with contextlib.suppress(KeyboardInterrupt), local_recorder(settings, home / DATABASE) as recorder:
        if recorder is not None:
            environment[RECORDER_URL_VARIABLE] = recorder.url  # runs that the UI launches trace to it, wherever it is
            if recorder.moved:
                click.echo(f"{recorder.moved}: the recorder is on {recorder.url}", err=True)
        with _running([daemon, server], environment) as processes:
            click.echo(f"Dagster UI on http://{host}:{port} · store {store} · Ctrl-C stops it", err=True)
            return processes[-1].wait()
    return 0


def _workspace(home: Path) -> Path:
    """The working folder's workspace file, or one that loads the installed package under the same name."""
    here = Path("workspace.yaml")
    if here.is_file():
        return here.resolve()
    module = {"module_name": "eval_pipeline.definitions", "location_name": "eval_pipeline"}
    file = home / "workspace.yaml"
    file.write_text(yaml.safe_dump({"load_from": [{"python_module": module}]}), encoding="utf-8")
    return file


@contextlib.contextmanager
def _running(commands: list[list[str]], environment: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes = [subprocess.Popen(command, env=environment) for command in commands]  # noqa: S603 - programs of ours
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
