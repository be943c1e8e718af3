"""Run the recorder on this machine, for the length of a block or as the process, and forward what it recorded.

No other module but tests imports `eval_pipeline.recorder`, which brings a web server with it; this one imports it when
it starts one.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from eval_pipeline.errors import InfrastructureError
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.serving.loopback import is_loopback
from eval_pipeline.settings import Destination, LangSmithSettings

if TYPE_CHECKING:
    from eval_pipeline.recorder.forward import ForwardReport
    from eval_pipeline.recorder.server import RecorderServer

DATABASE = "recorder.sqlite"
"""Name of the recorder's database in the Dagster home."""

_ANSWERS = frozenset({200, 401, 403})


@dataclass(frozen=True, kw_only=True)
class StartedRecorder:
    """A recorder that `local_recorder` started."""

    url: str
    moved: str | None
    """Why it is not at the configured URL; None if it is."""


@contextlib.contextmanager
def local_recorder(settings: LangSmithSettings, database: Path) -> Iterator[StartedRecorder | None]:
    """Run the recorder of this machine that `settings` send to, unless one answers already, which yields None.

    Where the configured port is in use by another program the recorder takes a free one.
    """
    destination = _missing(settings)
    if destination is None:
        yield None
        return
    server, moved = _start(destination, settings, database)
    try:
        yield StartedRecorder(url=server.url, moved=moved)
    finally:
        server.stop()


def serve_recorder(database: Path, *, host: str, port: int, token: str | None, started: Callable[[str], None]) -> None:
    """Serve the recorder until interrupted. `started` is called with the URL once requests are answered.

    Raises:
        InputError: `host` is not loopback and there is no token.
        PermanentError: The port is in use.
    """
    from eval_pipeline.recorder.server import serve  # noqa: PLC0415 - as above

    serve(host, port, database, token, started=started)


def forward_recording(database: Path, settings: LangSmithSettings) -> "ForwardReport":
    """Forward the recording in `database` to the LangSmith server of `settings`.

    Raises:
        RecorderError: The server does not answer, or refuses a dataset or project.
    """
    from eval_pipeline.recorder.core import Recorder  # noqa: PLC0415 - as above
    from eval_pipeline.recorder.endpoint import Endpoint  # noqa: PLC0415 - as above
    from eval_pipeline.recorder.forward import forward  # noqa: PLC0415 - as above

    headers = {"x-api-key": settings.api_key.get_secret_value() if settings.api_key else ""}
    if settings.workspace_id:
        headers["x-tenant-id"] = settings.workspace_id
    with contextlib.closing(Recorder(database)) as recorder, Endpoint(settings.api_url, headers) as endpoint:
        return forward(recorder, endpoint)


def _missing(settings: LangSmithSettings) -> Destination | None:
    """The recorder destination on this machine that does not answer; one on another machine is not ours to start."""
    recorder = next((destination for destination in settings.destinations if destination.name == "recorder"), None)
    if recorder is None or not is_loopback(urlsplit(recorder.api_url).hostname or ""):
        return None
    with Connection(recorder, settings) as connection:
        # One that refuses the key is running; the run reports the refusal.
        return None if connection.request("GET", "/info").status in _ANSWERS else recorder


def _start(
    destination: Destination, settings: LangSmithSettings, database: Path
) -> "tuple[RecorderServer, str | None]":
    from eval_pipeline.recorder.config import RecorderConfig  # noqa: PLC0415 - as above
    from eval_pipeline.recorder.server import RecorderServer  # noqa: PLC0415 - as above

    token = settings.recorder_token
    config = RecorderConfig(token=None if token is None else token.get_secret_value())
    url = urlsplit(destination.api_url)
    server = RecorderServer(host=url.hostname or "127.0.0.1", port=url.port or 80, db_path=database, config=config)
    try:
        return server.start(), None
    except InfrastructureError as error:
        return RecorderServer(db_path=database, config=config).start(), error.message
