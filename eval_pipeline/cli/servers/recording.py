"""The recorder that a command traces to: one that runs already, or one in this process until the command ends."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.langsmith.client import Connection
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.errors import RecorderError
from eval_pipeline.serving.access import is_loopback
from eval_pipeline.tracing.settings import Destination, LangSmithSettings

if TYPE_CHECKING:
    from eval_pipeline.recorder.server import RecorderServer

DATABASE = "recorder.sqlite"
"""The recorder's file in DAGSTER_HOME."""

_RUNNING_STATUS = frozenset({200, 401, 403})
"""A recorder that refuses the key is running, too; the run reports that error."""


@contextlib.contextmanager
def recorder_at_hand(home: Path) -> Iterator[LangSmithResource]:
    """Start the recorder if traces go to it and it does not run; yield the resource that traces there.

    Raises:
        InputError: a setting in the environment is invalid.
    """
    settings = LangSmithResource().settings()
    missing = missing_recorder(settings)
    if missing is None:
        yield LangSmithResource()
        return
    server = _started(missing, settings, home / DATABASE)
    try:
        yield LangSmithResource(recorder_url=server.url)
    finally:
        server.stop()


def missing_recorder(settings: LangSmithSettings) -> Destination | None:
    """The destination `recorder`, if it is on this machine and does not answer; one elsewhere is not ours to start."""
    recorder = next((destination for destination in settings.destinations if destination.name == "recorder"), None)
    if recorder is None or not is_loopback(urlsplit(recorder.api_url).hostname or ""):
        return None
    connection = Connection(recorder, settings)
    try:
        return None if connection.request("GET", "/info").status in _RUNNING_STATUS else recorder
    finally:
        connection.close()


def _started(destination: Destination, settings: LangSmithSettings, database: Path) -> "RecorderServer":
    from eval_pipeline.recorder.server import RecorderServer  # noqa: PLC0415 - FastAPI is slow to import

    token = settings.recorder_token
    config = RecorderConfig(token=None if token is None else token.get_secret_value())
    url = urlsplit(destination.api_url)
    server = RecorderServer(host=url.hostname or "127.0.0.1", port=url.port or 80, db_path=database, config=config)
    try:
        return server.start()
    except RecorderError as error:
        server = RecorderServer(db_path=database, config=config).start()
        click.echo(
            f"{error}: the recorder is on {server.url} until this run ends; then `eval-pipeline ui`, or "
            f"`eval-pipeline recorder --db {database} --port PORT`, shows the same traces",
            err=True,
        )
        return server
