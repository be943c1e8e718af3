"""`eval-pipeline serve`: evaluations over HTTP, and a page that shows a case live."""

import click

from eval_pipeline.api.catalog import Catalog
from eval_pipeline.api.server import serve as serve_api
from eval_pipeline.cli.options import store_option
from eval_pipeline.cli.servers.case_servers import recorder_of_cases
from eval_pipeline.cli.shown import echo
from eval_pipeline.suite.discovery import suite_folder, suite_folders

DEFAULT_PORT = 8100


@click.command()
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; one beyond loopback requires --token.")
@click.option("--port", type=int, default=DEFAULT_PORT, show_default=True, help="Port; 0 takes a free one.")
@click.option("--token", envvar="EVAL_PIPELINE_API_TOKEN", help="API key or password that clients must send.")
@store_option
def serve(suites: tuple[str, ...], host: str, port: int, token: str | None, store: str) -> int:
    """Serve evaluations over HTTP, with live events.

    Clients start evaluations of the given suites (by default, of all) and receive their events as server-sent events.
    A web page shows a case live.
    """
    folders = [suite_folder(suite) for suite in suites]
    with recorder_of_cases(*(folders or suite_folders())):
        serve_api(Catalog(folders, store=store), host=host, port=port, token=token, started=_announce)
    return 0


def _announce(url: str) -> None:
    echo(f"{url} · POST /api/eval/stream, /api/batch/stream · not traced · Ctrl-C stops it", err=True)
