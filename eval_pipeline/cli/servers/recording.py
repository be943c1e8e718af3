"""The recorder of a command: one that already runs, or one in this process for the length of the command."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.errors import RecorderError
from eval_pipeline.serving.access import is_loopback
from eval_pipeline.settings import Destination, LangSmithSettings

if TYPE_CHECKING:
    from eval_pipeline.recorder.server import RecorderServer

DATABASE = "recorder.sqlite"
"""In the Dagster home."""

_ANSWERS = frozenset({200, 401, 403})


@contextlib.contextmanager
def recorder_at_hand(home: Path) -> Iterator[LangSmithResource]:
    """Where to trace to; within it, the recorder runs if it is what is traced to.

    Raises:
        InputError: the environment says something that cannot be used.
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
    """The recorder on this machine that runs go to, if it does not answer; one elsewhere is somebody else's."""
    found = next((destination for destination in settings.destinations if destination.name == "recorder"), None)
    if found is None or not is_loopback(urlsplit(found.api_url).hostname or ""):
        return None
    connection = Connection(found, settings)
    try:
        # One that refuses the key is there, and the run says so.
        return None if connection.request("GET", "/info").status in _ANSWERS else found
    finally:
        connection.close()


def _started(destination: Destination, settings: LangSmithSettings, database: Path) -> "RecorderServer":
    from eval_pipeline.recorder.server import RecorderServer  # noqa: PLC0415 - a web server, mostly running elsewhere

    token = settings.recorder_token
    config = RecorderConfig(token=None if token is None else token.get_secret_value())
    url = urlsplit(destination.api_url)
    server = RecorderServer(host=url.hostname or "127.0.0.1", port=url.port or 80, db_path=database, config=config)
    try:
        return server.start()
    except RecorderError as error:
        taken = RecorderServer(db_path=database, config=config).start()
        click.echo(
            f"{error}: the recorder is on {taken.url} for as long as this run takes; afterwards "
            f"`eval-pipeline ui`, or `eval-pipeline recorder --db {database} --port PORT`, shows the same traces",
            err=True,
        )
        return taken
