"""`eval-pipeline annotate SUITE`: failing cases into an annotation queue."""

import click

from eval_pipeline.cli.experiment_choice import chosen_experiment
from eval_pipeline.cli.store_option import store_option
from eval_pipeline.feedback.annotation import annotate as annotate_failing
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.store.opening import open_store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite


@click.command()
@click.argument("suite")
@click.option("--experiment", metavar="NAME", help="By default the one begun last.")
@click.option("--queue", metavar="NAME", help="By default `<suite> failing`; created if there is none.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1), help="The most that are added.")
@store_option
def annotate(suite: str, experiment: str | None, queue: str | None, limit: int, store: str) -> int:
    """Put the cases of SUITE that did not pass into an annotation queue, each run once."""
    name = read_suite(suite_folder(suite)).name
    opened = open_store(store)
    record = chosen_experiment(opened, name, experiment)
    with FeedbackServer() as server:
        found = annotate_failing(opened, name, record.experiment, server, queue=queue or f"{name} failing", limit=limit)
    rest = f", {found.not_there} not at the server (`eval-pipeline traces status`)" if found.not_there else ""
    click.echo(
        f"{record.experiment}: {found.added} of {found.failing} failing attempts added, "
        f"{found.already} there already{rest}\n{found.queue!r}: {found.url}"
    )
    return 0
