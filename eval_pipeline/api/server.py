"""Running the HTTP face as the process, or in a thread of it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from eval_pipeline.api.app import create_app
from eval_pipeline.api.catalog import Catalog
from eval_pipeline.api.sse import HEARTBEAT_SECONDS
from eval_pipeline.errors import InputError, PermanentError, Problem
from eval_pipeline.serving.access import is_loopback

_STARTING_SECONDS = 15.0


def serve(catalog: Catalog, *, host: str, port: int, token: str | None, ready: Callable[[str], None]) -> None:
    """Answer until interrupted. `ready` is told the URL once the port is had.

    Raises:
        InputError: `host` is not loopback and there is no token.
        PermanentError: the port cannot be had.
    """
    server, listener = _server(catalog, host=host, port=port, token=token, heartbeat_s=HEARTBEAT_SECONDS)
    with listener:
        ready(_url(host, listener))
        server.run(sockets=[listener])


@contextmanager
def serving(
    catalog: Catalog,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    heartbeat_s: float = HEARTBEAT_SECONDS,
) -> Iterator[str]:
    """A server in a thread of this process; gives its URL. Raises as `serve` does."""
    server, listener = _server(catalog, host=host, port=port, token=token, heartbeat_s=heartbeat_s)
    with listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + _STARTING_SECONDS
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield _url(host, listener)
        finally:
            server.should_exit = True
            thread.join(_STARTING_SECONDS)


def _url(host: str, listener: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _server(
    catalog: Catalog, *, host: str, port: int, token: str | None, heartbeat_s: float
) -> tuple[uvicorn.Server, socket.socket]:
    loopback = is_loopback(host)
    if not loopback and not token:
        fix = "give --token, or listen on 127.0.0.1"
        raise InputError(Problem(message=f"{host} is reachable from outside this machine", fix=fix, field="--host"))
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise PermanentError(f"cannot listen on {host}:{port}: {error}", fix="choose another --port") from error
    app = create_app(catalog, loopback=loopback, token=token, heartbeat_s=heartbeat_s)
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    return uvicorn.Server(config), listener
