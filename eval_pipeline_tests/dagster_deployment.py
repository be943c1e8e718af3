"""A code server, a daemon and a web server of a location, as a deployment on one machine has them."""

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from eval_pipeline_tests.dagster_homes import copy_databases
from eval_pipeline_tests.ports import reserved_port
from eval_pipeline_tests.waiting import wait_for
from eval_pipeline_tests.warm_processes import start_warm

_START_SECONDS = 240.0
_QUICK = "eval_pipeline_tests.quick_dagster"


@contextlib.contextmanager
def running_dagster(
    folder: Path, environment: Mapping[str, str], *, web: bool = False, code_port: int | None = None
) -> Iterator[str]:
    """Run the location `location.py` in `folder` on the home that the environment names, until the end of the context.

    What each process prints goes to `<its name>.log` in `folder`.

    Args:
        folder: where the processes run.
        environment: of all of them, beside this process's.
        web: whether there is a web server.
        code_port: where the code server listens, which is the location's name; a free port by default.

    Yields:
        The URL of the web server, or "".
    """
    variables = {**os.environ, **environment}
    # Processes that create them at once break them.
    copy_databases(Path(variables["DAGSTER_HOME"]))
    with contextlib.ExitStack() as stack:
        code = stack.enter_context(reserved_port()) if code_port is None else code_port
        port = stack.enter_context(reserved_port())

        def start(name: str, program: str, *arguments: object) -> None:
            log = folder / f"{name}.log"
            process = start_warm(
                program,
                *arguments,
                folder=folder,
                environment=variables,
                stdout=log,
                stderr=log,
                own_session=True,
            )
            # With the runs that it has under way.
            stack.callback(process.kill_group)

        location = ("--host", "127.0.0.1", "--port", code, "-f", folder / "location.py")
        start("code", f"{_QUICK}:code_server", "api", "grpc", *location)
        wait_for(partial(_listens, code), timeout_s=_START_SECONDS, otherwise=(folder / "code.log").read_text)
        server = ("--grpc-host", "127.0.0.1", "--grpc-port", code)
        start("daemon", f"{_QUICK}:daemon", "run", *server)
        if web:
            start("web", "dagster_webserver.cli:main", "-h", "127.0.0.1", "-p", port, *server)
        yield f"http://127.0.0.1:{port}" if web else ""


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
