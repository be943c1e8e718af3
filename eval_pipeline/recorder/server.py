"""Serve a recorder: in a thread of this process, or as the process."""

import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from eval_pipeline.recorder.app import create_app
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.core import Recorder, utc_now
from eval_pipeline.recorder.errors import RecorderError
from eval_pipeline.recorder.faults import FaultPlan, faulty_protocol
from eval_pipeline.serving.access import require_token
from eval_pipeline.serving.loopback import is_loopback
from eval_pipeline.serving.server import AppServer, listen


class RecorderServer:
    """A recorder that is served from a thread of this process.

    ```python
    with RecorderServer() as server:
        client = langsmith.Client(api_url=server.url, api_key="any", web_url=server.url)
    ```
    After `stop()` the same object can `start()` again, on the same port and database file; an in-memory database ends
    with the stop. Data survives a killed process.
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
            InputError: `host` is not loopback and `config` has no token.
        """
        config = config or RecorderConfig()
        require_token(host, config.token)
        self.config = replace(config, loopback=is_loopback(host))
        self._host = host
        self._port = port
        self._db_path = db_path
        self._now = now
        self._server: AppServer | None = None
        self._recorder: Recorder | None = None

    @property
    def recorder(self) -> Recorder:
        """The recorder behind the routes.

        Raises:
            RecorderError: The server is not running.
        """
        if self._recorder is None:
            raise RecorderError("the recorder is not running")
        return self._recorder

    @property
    def faults(self) -> FaultPlan:
        """The faults that this server is to simulate, for tests."""
        return self.recorder.faults

    @property
    def url(self) -> str:
        """`http://host:port`, the `api_url` and `web_url` of the SDK; its port is final once the server started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> Self:
        """Start; returns once requests are answered.

        Raises:
            PermanentError: The port is in use.
            TransientError: The server does not start in time.
            RecorderError: It is running already.
        """
        if self._recorder is not None:
            raise RecorderError(f"the recorder is already running, at {self.url}")
        listener = listen(self._host, self._port)
        try:
            self._recorder = Recorder(self._db_path, self.config, now=self._now)
        except BaseException:
            listener.close()
            raise
        self._server = app_server(self._recorder, listener)
        self._port = self._server.port
        try:
            self._server.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop listening, finish the requests in progress, close the database. Stopping twice is allowed."""
        if self._server is not None:
            self._server.stop()
        if self._recorder is not None:
            self._recorder.close()
        self._server = self._recorder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    db_path: Path | str = "recorder.sqlite",
    token: str | None = None,
    *,
    started: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve until interrupted. `started` is called with the URL once requests are answered.

    Raises:
        InputError: `host` is not loopback and there is no token.
        PermanentError: The port is in use.
    """
    require_token(host, token)
    listener = listen(host, port)
    recorder = Recorder(db_path, RecorderConfig(token=token, loopback=is_loopback(host)))
    server = app_server(recorder, listener)
    try:
        server.run(lambda: started(server.url))
    finally:
        recorder.close()


def app_server(recorder: Recorder, listener: socket.socket) -> AppServer:
    """The HTTP server of a recorder."""
    return AppServer(create_app(recorder), listener, http=faulty_protocol(recorder.faults))
