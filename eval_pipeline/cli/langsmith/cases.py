"""`eval-pipeline cases import SUITE`: production runs as new cases."""

from pathlib import Path

import click

from eval_pipeline.feedback.case_import import append_cases, cases_of_runs
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite


@click.group()
def cases() -> None:
    """The cases of a suite."""


@cases.command("import")
@click.argument("suite")
@click.option("--project", required=True, metavar="NAME", help="Whose root runs are looked at.")
@click.option("--where", metavar="FILTER", help="LangSmith's filter, such as 'eq(feedback_key, \"user_score\")'.")
@click.option("--below", nargs=2, type=(str, float), metavar="KEY SCORE", help="Runs whose feedback is lower.")
@click.option("--errors", is_flag=True, help="Runs that broke.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1), help="Runs, the newest.")
@click.option(
    "--into", default="cases/imported.jsonl", show_default=True, type=click.Path(path_type=Path), help="In the suite."
)
def import_cases(
    suite: str,
    project: str,
    where: str | None,
    below: tuple[str, float] | None,
    limit: int,
    into: Path,
    *,
    errors: bool,
) -> int:
    """Write runs of a project that failed a rule as cases of SUITE, redacted, each thing said once."""
    read = read_suite(suite_folder(suite))
    settings = LangSmithSettings.from_environment()
    redactor = Redactor.of(settings)
    known = load_dataset(read).cases
    with FeedbackServer(settings) as server:
        runs = server.failed_runs(project, where=_filter(where, below), error=True if errors else None, limit=limit)
        web_url = server.connection.destination.web_url
    found = cases_of_runs(runs, known, project=project, web_url=web_url, redactor=redactor)
    file = read.folder / into
    if found.cases:
        append_cases(file, found.cases)
    silent = f", {found.silent} without a word of a user's" if found.silent else ""
    click.echo(f"{len(runs)} runs: {len(found.cases)} new cases, {found.known} known already{silent}")
    if found.cases:
        click.echo(f"{file}: say there what a right answer is")
        there = {case.id for case in load_dataset(read).cases}
        if not there.issuperset(case["id"] for case in found.cases):
            click.echo(f"`cases:` of {read.folder / 'suite.yaml'} does not name that file yet", err=True)
    return 0


def _filter(where: str | None, below: tuple[str, float] | None) -> str | None:
    rules = [] if where is None else [where]
    if below is not None:
        key, score = below
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        rules.append(f'and(eq(feedback_key, "{quoted}"), lt(feedback_score, {score:g}))')
    return f"and({', '.join(rules)})" if len(rules) > 1 else next(iter(rules), None)
