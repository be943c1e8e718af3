"""`eval-pipeline recorder`: start the recorder, a local LangSmith-compatible server; other commands start it, too."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import click

from eval_pipeline.cli.shown import echo
from eval_pipeline.defs.launching.instance import home_folder
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.local_recorder import (
    DATABASE,
    back_up_recording,
    compact_recording,
    local_recorder,
    serve_recorder,
)
from eval_pipeline.settings import LangSmithSettings

DEFAULT_PORT = 1984


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; one beyond loopback requires --token.")
@click.option(
    "--port", type=int, help=f"Port; 0 takes a free one.  [default: that of the Dagster home, {DEFAULT_PORT} if free]"
)
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"SQLite file to store everything in.  [default: $DAGSTER_HOME/{DATABASE}]",
)
@click.option("--token", envvar="EVAL_PIPELINE_RECORDER_TOKEN", help="API key that clients must send.")
@click.pass_context
def recorder(context: click.Context, host: str, port: int | None, db: Path | None, token: str | None) -> int:
    """Start the recorder, a local LangSmith-compatible server.

    It records traces, datasets, prompts and feedback that clients of LangSmith send, and shows them on web pages.
    Without options it is the recorder that runs of the Dagster home use, at the home's port. Ctrl-C stops it, once
    those runs have ended.
    """
    home = home_folder()
    database = home / DATABASE if db is None else db
    if context.invoked_subcommand is not None:
        context.obj = database
        return 0
    database.parent.mkdir(parents=True, exist_ok=True)

    def started(url: str) -> None:
        echo(f"recorder on {url} · {database} · LANGSMITH_ENDPOINT={url}", err=True)

    if port is not None or db is not None or host != "127.0.0.1":
        own = home if database.resolve() == (home / DATABASE).resolve() else None
        port = DEFAULT_PORT if port is None else port
        serve_recorder(database, host=host, port=port, token=token, started=started, home=own)
        return 0
    settings = LangSmithSettings.from_environment(
        mode="recorder", tracing_enabled=True, **({} if token is None else {"recorder_token": token})
    )
    # Processes that a shell starts with `&` ignore SIGINT.
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), local_recorder(settings, home) as running:
        if running is None:
            raise TransientError("the recorder does not run here", fix="see the message above, or give --port")
        if running.moved:
            echo(running.moved, err=True)
        started(running.url)
        threading.Event().wait()
    return 0


@recorder.command()
@click.pass_obj
def compact(database: Path) -> int:
    """Make the database smaller.

    Compresses what older versions stored as it came, and gives the room of deleted traces back to the disk. A recorder
    may serve the database meanwhile; its answers wait.
    """
    before, after = compact_recording(database)
    echo(f"{database}: {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after")
    return 0


@recorder.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(database: Path, file: Path) -> int:
    """Copy the database to FILE, as it is at one moment, also while it is served.

    `eval-pipeline recorder --db FILE` serves the copy; a recorder that is stopped is restored by putting FILE in its
    database's place.
    """
    back_up_recording(database, file)
    echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    return 0


@contextlib.contextmanager
def settings_at_hand() -> Iterator[LangSmithSettings]:
    """The settings of a command that reads from LangSmith or from the home's recorder, which then runs meanwhile.

    Raises:
        InputError: a setting in the environment is invalid.
    """
    settings, home = LangSmithSettings.from_environment(), home_folder()
    with contextlib.ExitStack() as stack:
        traced = any(destination.name == "recorder" for destination in settings.destinations)
        if traced or settings.source.name == "recorder":
            # It is read from, too, while tracing is off.
            started = settings if traced else settings.model_copy(update={"mode": "recorder", "tracing_enabled": True})
            recorder = stack.enter_context(local_recorder(started, home))
            if recorder is not None:
                settings = settings.model_copy(update={"recorder_url": recorder.url})
        yield settings


@contextlib.contextmanager
def recorder_at_hand(home: Path) -> Iterator[LangSmithResource]:
    """Start the recorder if traces go to it and it does not run; yield the resource that traces there.

    Raises:
        InputError: a setting in the environment is invalid.
    """
    with local_recorder(LangSmithResource().settings(), home) as recorder:
        if recorder is not None and recorder.moved:
            echo(
                f"{recorder.moved}: the recorder is on {recorder.url} until this run ends; then "
                f"`eval-pipeline ui`, or `eval-pipeline recorder --db {home / DATABASE} --port PORT`, shows the same "
                "traces",
                err=True,
            )
        yield LangSmithResource() if recorder is None else LangSmithResource(recorder_url=recorder.url)
