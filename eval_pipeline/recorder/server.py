"""Running the recorder: in a thread of this process, or as the process."""

import asyncio
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from eval_pipeline.recorder.app import create_app
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.core import Recorder, utc_now
from eval_pipeline.recorder.errors import RecorderError
from eval_pipeline.recorder.faults import FaultPlan
from eval_pipeline.serving.access import is_loopback

_START_TIMEOUT_S = 15.0
_STOP_TIMEOUT_S = 10.0


class RecorderServer:
    """A recorder that listens on a port, from a background thread.

    ```python
    with RecorderServer() as server:
        client = langsmith.Client(api_url=server.url, api_key="any", web_url=server.url)
    ```
    After `stop()` the same object can `start()` again: same port, same database file (an in-memory database ends with
    the stop). Data survives a killed process.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        db_path: Path | str = ":memory:",
        config: RecorderConfig | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`port=0` takes a free one.

        Raises:
            RecorderError: `host` is not loopback and `config` has no token.
        """
        self.config = replace(config or RecorderConfig(), loopback=is_loopback(host))
        if not self.config.loopback and not self.config.token:
            raise RecorderError(f"{host} is reachable from outside this machine: a token is required")
        self._host = host
        self._port = port
        self._db_path = db_path
        self._now = now
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self._recorder: Recorder | None = None

    @property
    def recorder(self) -> Recorder:
        """What is behind the routes.

        Raises:
            RecorderError: the server does not run.
        """
        if self._recorder is None:
            raise RecorderError("the recorder is not running")
        return self._recorder

    @property
    def faults(self) -> FaultPlan:
        """The faults of this server, for tests."""
        return self.recorder.faults

    @property
    def url(self) -> str:
        """`http://host:port`, for `api_url` and `web_url` of the SDK; known once started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> Self:
        """Listen; returns once requests are answered.

        Raises:
            RecorderError: the port cannot be had, the server does not come up, or it runs already.
        """
        if self._recorder is not None:
            raise RecorderError(f"the recorder runs already, at {self.url}")
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        try:
            self._recorder = Recorder(self._db_path, self.config, now=self._now)
        except BaseException:
            listener.close()
            raise
        self._server = make_server(self._recorder)
        self._thread = threading.Thread(target=_run, args=(self._server, listener), name="recorder", daemon=True)
        self._thread.start()
        self._await_start(self._thread, self._server)
        return self

    def _await_start(self, thread: threading.Thread, server: uvicorn.Server) -> None:
        waited = 0.0
        while not server.started:
            thread.join(timeout=0.01)
            waited += 0.01
            if not thread.is_alive() or waited > _START_TIMEOUT_S:
                self.stop()
                raise RecorderError("the recorder did not start")

    def stop(self) -> None:
        """Stop listening, finish what is being answered, close the database. Stopping twice is allowed."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(timeout=_STOP_TIMEOUT_S)
        if self._recorder is not None:
            self._recorder.close()
        self._server = self._thread = self._recorder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(
    host: str = "127.0.0.1",
    port: int = 1984,
    db_path: Path | str = "recorder.sqlite",
    token: str | None = None,
    *,
    listening: Callable[[], None] = lambda: None,
) -> None:
    """Run until interrupted. The blocking form for the terminal.

    `listening` is called when it answers, and an interrupt ends it in order: one that comes earlier may be lost where
    Python runs code of which it ignores the errors.

    Raises:
        RecorderError: `host` is not loopback and there is no token, or the port cannot be had.
    """
    loopback = is_loopback(host)
    if not loopback and not token:
        raise RecorderError(f"{host} is reachable from outside this machine: a token is required")
    listener = _listen(host, port)
    recorder = Recorder(db_path, RecorderConfig(token=token, loopback=loopback))
    try:
        _run(make_server(recorder, started=listening), listener)
    finally:
        recorder.close()


class _TellingServer(uvicorn.Server):
    """Tells when it has started; it handles signals by then."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As its base does."""
        await super().startup(sockets)
        self._tell()


def make_server(recorder: Recorder, *, started: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """The uvicorn server of a recorder, quiet but for warnings."""
    config = uvicorn.Config(
        create_app(recorder),
        http=_faulty_protocol(recorder.faults),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    return _TellingServer(config, started)


def _faulty_protocol(faults: FaultPlan) -> type[asyncio.Protocol]:
    """The HTTP protocol of uvicorn, with connections that break when the plan says so."""

    class FaultyProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen at import time by uvicorn
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            faults.opened(transport)

        def data_received(self, data: bytes) -> None:
            if faults.take_refusal():
                self.transport.abort()
            else:
                super().data_received(data)

        def connection_lost(self, error: Exception | None) -> None:
            faults.closed(self.transport)
            super().connection_lost(error)

    return FaultyProtocol


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said explicitly, because asyncio switches Nagle's algorithm off only on sockets that name TCP: 40 ms a request.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A restarted recorder must get its port back while old connections are in TIME_WAIT.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise RecorderError(f"cannot listen on {host}:{port}: {error}") from error
    listener.listen(1024)
    return listener


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    try:
        asyncio.run(server.serve(sockets=[listener]))
    finally:
        listener.close()
