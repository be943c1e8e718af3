"""`eval-pipeline cases import SUITE`: create cases from traced runs."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import click

from eval_pipeline.cli.servers.case_servers import recorder_of_cases
from eval_pipeline.cli.servers.recorder import settings_at_hand
from eval_pipeline.cli.shown import echo
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.feedback.case_import import append_cases, cases_of_runs, last_import
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.wording import counted


@click.group()
def cases() -> None:
    """Create cases from traced runs."""


@cases.command("import")
@click.argument("suite")
@click.option("--project", required=True, metavar="NAME", help="Tracing project whose root runs to import.")
@click.option(
    "--where", metavar="FILTER", help="Filter in LangSmith's syntax, such as 'eq(feedback_key, \"user_score\")'."
)
@click.option("--below", nargs=2, type=(str, float), metavar="KEY SCORE", help="Only runs with feedback KEY < SCORE.")
@click.option(
    "--since",
    metavar="TIME",
    help="Only runs that began after this time (ISO 8601), or `last`: after the newest of the project that is a case.",
)
@click.option("--errors", is_flag=True, help="Only runs that ended in an error.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(min=1), metavar="N", help="Read at most N runs."
)
@click.option(
    "--into",
    default="cases/imported.jsonl",
    show_default=True,
    type=click.Path(path_type=Path),
    help="File in the suite's folder to append the cases to.",
)
def import_cases(
    suite: str,
    project: str,
    where: str | None,
    below: tuple[str, float] | None,
    since: str | None,
    limit: int,
    into: Path,
    *,
    errors: bool,
) -> int:
    """Append runs of a project to the cases of SUITE.

    Inputs are redacted. Runs whose input is already a case are left out.
    """
    read = read_suite(suite_folder(suite))
    with settings_at_hand() as settings, FeedbackServer(settings) as server:
        redactor = Redactor.of(settings)
        existing = load_dataset(read).cases
        began = None if since is None else _time(since, existing, project)
        runs = server.root_runs(
            project, where=_filter(where, below, began), error=True if errors else None, limit=limit
        )
        web_url = server.connection.destination.web_url
    imported = cases_of_runs(runs, existing, project=project, web_url=web_url, redactor=redactor)
    file = read.folder / into
    if imported.cases:
        append_cases(file, imported.cases)
    silent = f", {imported.silent} without a user message" if imported.silent else ""
    new = f"{counted(len(runs), 'run')}: {counted(len(imported.cases), 'new case')}"
    echo(f"{new}, {imported.existing} already in the suite{silent}")
    if imported.cases:
        echo(f"{file}: add assertions and references to the new cases")
        with recorder_of_cases(read.folder):
            listed = {case.id for case in load_dataset(read).cases}
        if not listed.issuperset(case["id"] for case in imported.cases):
            echo(f"add that file to `cases:` in {read.folder / 'suite.yaml'}", err=True)
    return 0


def _time(since: str, existing: Sequence[Case], project: str) -> str:
    """The time that `--since` names."""
    if since == "last":
        if (last := last_import(existing, project)) is None:
            fix = "give a time, or leave --since out"
            raise InputError(Problem(message=f"no case was imported from {project!r} yet", field="--since", fix=fix))
        return last
    try:
        return dt.datetime.fromisoformat(since).isoformat()
    except ValueError as error:
        fix = "write it as 2026-01-31T12:00:00Z, or write `last`"
        raise InputError(Problem(message=f"{since!r} is not a time", field="--since", fix=fix)) from error


def _filter(where: str | None, below: tuple[str, float] | None, since: str | None) -> str | None:
    rules = [] if where is None else [where]
    if since is not None:
        rules.append(f'gt(start_time, "{since}")')
    if below is not None:
        key, score = below
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        rules.append(f'and(eq(feedback_key, "{quoted}"), lt(feedback_score, {score:g}))')
    return f"and({', '.join(rules)})" if len(rules) > 1 else next(iter(rules), None)
