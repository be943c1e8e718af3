"""`eval-pipeline corrections SUITE`: download human corrections for judges."""

import click

from eval_pipeline.cli.options import store_option
from eval_pipeline.cli.servers.recorder import settings_at_hand
from eval_pipeline.cli.shown import echo
from eval_pipeline.feedback.corrections import EXPERIMENTS, pull_corrections
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.store.opening import open_store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.wording import counted


@click.command()
@click.argument("suite")
@click.option(
    "--experiments",
    default=EXPERIMENTS,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Read the corrections of the N latest experiments.",
)
@store_option
def corrections(suite: str, experiments: int, store: str) -> int:
    """Download human corrections as examples for judges.

    A judge with `corrections: {from: langsmith}` is shown the scores that people corrected in SUITE's experiments.
    """
    name = read_suite(suite_folder(suite)).name
    opened = open_store(store)
    with settings_at_hand() as settings, FeedbackServer(settings) as server:
        pulled = pull_corrections(opened, name, server, experiments=experiments, redactor=Redactor.of(settings))
    where = "" if pulled.key is None else f"\n{opened.uri(pulled.key)}"
    read = f"{counted(pulled.rows, 'correction')} in {counted(pulled.experiments, 'experiment')}"
    echo(f"{name}: {read}, {pulled.added} new{where}")
    return 0
