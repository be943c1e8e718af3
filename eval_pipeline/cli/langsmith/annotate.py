"""`eval-pipeline annotate SUITE`: add failed attempts to an annotation queue."""

import click

from eval_pipeline.cli.options import experiment_option, experiment_or_latest, store_option
from eval_pipeline.cli.servers.recorder import settings_at_hand
from eval_pipeline.cli.shown import echo
from eval_pipeline.feedback.annotation import annotate as annotate_failing
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.store.opening import open_store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite


@click.command()
@click.argument("suite")
@experiment_option
@click.option("--queue", metavar="NAME", help="Queue, created if necessary.  [default: SUITE failing]")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(min=1), metavar="N", help="Add at most N runs."
)
@store_option
def annotate(suite: str, experiment: str | None, queue: str | None, limit: int, store: str) -> int:
    """Add failed attempts to an annotation queue.

    Adds the run of each attempt that did not pass, unless the queue has it already.
    """
    name = read_suite(suite_folder(suite)).name
    opened = open_store(store)
    record = experiment_or_latest(opened, name, experiment)
    queue = queue or f"{name} failing"
    with settings_at_hand() as settings, FeedbackServer(settings) as server:
        result = annotate_failing(opened, name, record.experiment, server, queue=queue, limit=limit)
    missing = f", {result.missing} not on the server (see `eval-pipeline traces status`)" if result.missing else ""
    echo(
        f"{record.experiment}: {result.added} of {result.failing} failed attempts added, "
        f"{result.in_queue} were in the queue already{missing}\n{result.queue!r}: {result.url}"
    )
    return 0
