"""`eval-pipeline recorder`: the embedded LangSmith-compatible server, by itself."""

from pathlib import Path

import click

from eval_pipeline.defs.launching.instance import home_folder
from eval_pipeline.langsmith.local_recorder import DATABASE, serve_recorder

DEFAULT_PORT = 1984


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; anything but loopback needs --token.")
@click.option("--port", type=int, default=DEFAULT_PORT, show_default=True, help="Port; 0 takes a free one.")
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where everything that was recorded is kept. By default what runs of DAGSTER_HOME write.",
)
@click.option("--token", envvar="EVAL_PIPELINE_RECORDER_TOKEN", help="What clients must give as their API key.")
def recorder(host: str, port: int, db: Path | None, token: str | None) -> int:
    """Record traces, datasets and feedback as LangSmith would, and show them. Ctrl-C stops it."""
    database = home_folder() / DATABASE if db is None else db
    database.parent.mkdir(parents=True, exist_ok=True)

    def started(url: str) -> None:
        click.echo(f"recorder on {url} · {database} · LANGSMITH_ENDPOINT={url}", err=True)

    serve_recorder(database, host=host, port=port, token=token, started=started)
    return 0
