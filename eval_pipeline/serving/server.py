"""Run an ASGI application with uvicorn on a port that is bound first: as the process, or in a thread of it."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from eval_pipeline.errors import PermanentError, TransientError

_START_TIMEOUT_S = 15.0
_STOP_TIMEOUT_S = 10.0
_POLL_S = 0.1
_BACKLOG = 1024


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on `host`; port 0 takes a free port.

    Raises:
        PermanentError: The address is in use or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # IPPROTO_TCP is explicit because asyncio switches Nagle's algorithm off only on sockets that name it, and Nagle's
    # algorithm delays a request by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A restarted server gets its port back while old connections are in TIME_WAIT.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PermanentError(f"cannot listen on {host}:{port}: {error}", fix="choose another --port") from error
    listener.listen(_BACKLOG)
    return listener


class AppServer:
    """An ASGI application and the listening socket it is served on. It serves once; stopping closes the socket."""

    def __init__(self, app: ASGIApp, listener: socket.socket, *, http: type[asyncio.Protocol] | None = None) -> None:
        """`http` is uvicorn's protocol class for connections, by default the one uvicorn chooses."""
        host, self.port = listener.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._listener = listener
        self._server = _ObservedServer(
            uvicorn.Config(
                app,
                http=http or "auto",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=2,
                server_header=False,
            )
        )
        self._thread: threading.Thread | None = None

    def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Serve until the process is interrupted or `stop` is called.

        `started` is called once requests are answered and signals are handled: an interrupt before that may be lost
        where Python ignores exceptions, as in a destructor.
        """
        self._server.on_startup = started
        try:
            asyncio.run(self._server.serve(sockets=[self._listener]))
        finally:
            self._listener.close()

    def start(self) -> None:
        """Serve in a daemon thread; returns once requests are answered.

        Raises:
            TransientError: The server does not start in time.
        """
        started = threading.Event()
        self._thread = threading.Thread(target=self.run, args=(started.set,), name=f"server {self.url}", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not started.wait(_POLL_S) and self._thread.is_alive() and time.monotonic() < deadline:
            pass
        if not started.is_set():
            self.stop()
            raise TransientError(f"the server on {self.url} did not start", fix="try again on a less busy machine")

    def stop(self) -> None:
        """Stop listening and finish the requests in progress."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _ObservedServer(uvicorn.Server):
    """Calls `on_startup` once it answers requests and handles signals."""

    on_startup: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_startup()
