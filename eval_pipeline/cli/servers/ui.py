"""`eval-pipeline ui`: the Dagster UI, its daemon and the recorder, on the instance and store that `run` uses."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import yaml

from eval_pipeline.cli.options import store_option
from eval_pipeline.cli.shown import echo
from eval_pipeline.defs.launching.instance import open_instance
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.errors import InputError, PermanentError, Problem
from eval_pipeline.langsmith.local_recorder import local_recorder
from eval_pipeline.serving.loopback import is_loopback
from eval_pipeline.settings import (
    RECORDER_URL_VARIABLE,
    SPOOL_VARIABLE,
    STORE_VARIABLE,
    UI_URL_VARIABLE,
    LangSmithSettings,
)
from eval_pipeline.tracing.send.flush import with_spool_of

_STOP_SECONDS = 20
_ASK_SECONDS = 0.25
_NOT_NEWS = "ignore:Function `dev_command` is superseded"
"""`dg dev` calls the same command, and is no dependency."""
_DAGSTER = (sys.executable, "-W", _NOT_NEWS, "-m", "dagster")


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=3000, show_default=True, help="Port of the UI; 0 for a free one."
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address; one beyond loopback requires --unprotected."
)
@click.option("--unprotected", is_flag=True, help="Allow an address beyond loopback: its users can run code here.")
@click.option(
    "--recorder-port", type=click.IntRange(1, 65535), help="Port of the recorder.  [default: that of the Dagster home]"
)
@store_option
def ui(port: int, host: str, store: str, recorder_port: int | None, *, unprotected: bool) -> int:
    """Start the Dagster UI and daemon.

    The daemon runs schedules, sensors and backfills. Also starts the recorder, if traces go to it. Ctrl-C stops all.
    """
    if not is_loopback(host) and not unprotected:
        message = f"{host} can be reached from other machines, and the Dagster UI has no authentication"
        fix = "listen on 127.0.0.1 behind a proxy that authenticates users, or add --unprotected in a private network"
        raise InputError(Problem(message=message, fix=fix, field="--host"))
    settings = _settings(recorder_port)
    port = _free_port(host, port)
    with open_instance() as instance:
        home = Path(instance.root_directory)
    # Each run has a working folder of its own, so a relative path would be a different store in each.
    store = store if "://" in store else str(Path(store).resolve())
    url = f"http://{host}:{port}"
    environment = {UI_URL_VARIABLE: url, **os.environ, "DAGSTER_HOME": str(home), STORE_VARIABLE: store}
    environment[SPOOL_VARIABLE] = str(with_spool_of(settings, store).spool_folder.resolve())
    # SIGTERM must stop the child processes, too; and processes that a shell starts with `&` ignore SIGINT.
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), local_recorder(settings, home) as recorder:
        if recorder is not None:
            environment[RECORDER_URL_VARIABLE] = recorder.url  # inherited by the runs that the UI launches
            moved = "" if recorder.moved is None else f"{recorder.moved}: "
            echo(f"{moved}the recorder is on {recorder.url}", err=True)
        echo(f"starting the Dagster UI · store {store} · Ctrl-C stops it", err=True)
        command = [*_DAGSTER, "dev", "--host", host, "--port", str(port), "--workspace", str(_workspace(home))]
        with _running(command, environment) as process, _announced_when_it_answers(url):
            code = process.wait()
        raise PermanentError(f"Dagster ended with code {code}", fix="see what it printed above")
    return 0


def _settings(recorder_port: int | None) -> LangSmithSettings:
    if recorder_port is None:
        return LangSmithResource().settings()
    settings = LangSmithResource(recorder_url=f"http://127.0.0.1:{recorder_port}").settings()
    if all(destination.name != "recorder" for destination in settings.destinations):
        message = f"traces do not go to the recorder: the mode is {settings.mode!r}"
        fix = "leave --recorder-port out, or set EVAL_PIPELINE_TRACING=recorder"
        raise InputError(Problem(message=message, fix=fix, field="--recorder-port"))
    return settings


def _free_port(host: str, port: int) -> int:
    """The port, or a free one for 0.

    Raises:
        InputError: another program listens there, or the address is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"cannot listen on {host}:{port}: {error.strerror or error}"
            raise InputError(Problem(message=message, fix="choose another --port, or 0", field="--port")) from error
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _announced_when_it_answers(url: str) -> Iterator[None]:
    ended = threading.Event()

    def announce() -> None:
        while not ended.wait(_ASK_SECONDS):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url}/server_info", trust_env=False)
                echo(f"Dagster UI on {url}", err=True)
                return

    thread = threading.Thread(target=announce, name="announce", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


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
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - no user input
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
