"""`eval-pipeline recorder`: start the recorder, a local LangSmith-compatible server; other commands start it, too."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from eval_pipeline.defs.launching.instance import home_folder
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.langsmith.local_recorder import DATABASE, local_recorder, serve_recorder

DEFAULT_PORT = 1984


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; one beyond loopback requires --token.")
@click.option("--port", type=int, default=DEFAULT_PORT, show_default=True, help="Port; 0 takes a free one.")
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"SQLite file to store everything in.  [default: $DAGSTER_HOME/{DATABASE}]",
)
@click.option("--token", envvar="EVAL_PIPELINE_RECORDER_TOKEN", help="API key that clients must send.")
def recorder(host: str, port: int, db: Path | None, token: str | None) -> int:
    """Start the recorder, a local LangSmith-compatible server.

    It records traces, datasets, prompts and feedback that clients of LangSmith send, and shows them on web pages.
    Ctrl-C stops it.
    """
    database = home_folder() / DATABASE if db is None else db
    database.parent.mkdir(parents=True, exist_ok=True)

    def started(url: str) -> None:
        click.echo(f"recorder on {url} · {database} · LANGSMITH_ENDPOINT={url}", err=True)

    serve_recorder(database, host=host, port=port, token=token, started=started)
    return 0


@contextlib.contextmanager
def recorder_at_hand(home: Path) -> Iterator[LangSmithResource]:
    """Start the recorder if traces go to it and it does not run; yield the resource that traces there.

    Raises:
        InputError: a setting in the environment is invalid.
    """
    database = home / DATABASE
    with local_recorder(LangSmithResource().settings(), database) as recorder:
        if recorder is not None and recorder.moved:
            click.echo(
                f"{recorder.moved}: the recorder is on {recorder.url} until this run ends; then "
                f"`eval-pipeline ui`, or `eval-pipeline recorder --db {database} --port PORT`, shows the same traces",
                err=True,
            )
        yield LangSmithResource() if recorder is None else LangSmithResource(recorder_url=recorder.url)
