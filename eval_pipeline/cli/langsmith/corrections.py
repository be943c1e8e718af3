"""`eval-pipeline corrections SUITE`: what people corrected in LangSmith, pulled for judges."""

import click

from eval_pipeline.cli.store_option import store_option
from eval_pipeline.feedback.corrections import EXPERIMENTS, pull_corrections
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.opening import open_store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite


@click.command()
@click.argument("suite")
@click.option(
    "--experiments", default=EXPERIMENTS, show_default=True, type=click.IntRange(min=1), help="How many, the newest."
)
@store_option
def corrections(suite: str, experiments: int, store: str) -> int:
    """Pull what people corrected in SUITE's experiments, for `judge.corrections: {from: langsmith}`."""
    name = read_suite(suite_folder(suite)).name
    opened = open_store(store)
    settings = LangSmithSettings.from_environment()
    with FeedbackServer(settings) as server:
        found = pull_corrections(opened, name, server, experiments=experiments, redactor=Redactor.of(settings))
    where = "" if found.key is None else f"\n{opened.uri(found.key)}"
    click.echo(f"{name}: {found.rows} corrections, {found.added} new, of {found.experiments} experiments{where}")
    return 0
