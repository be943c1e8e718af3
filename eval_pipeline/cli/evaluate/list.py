"""`eval-pipeline list`: the available suites."""

from collections.abc import Sequence
from pathlib import Path

import click
import rich.box
from rich.console import Console
from rich.table import Table

from eval_pipeline.cli.servers.case_servers import recorder_of_cases
from eval_pipeline.cli.shown import escape
from eval_pipeline.errors import InfrastructureError
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.discovery import suite_folders
from eval_pipeline.wording import counted


@click.command("list")
def list_suites() -> int:
    """List the available suites.

    These are the suites that ship with the package and those in the folders of EVAL_PIPELINE_SUITES.
    """
    table = Table(box=rich.box.SIMPLE_HEAD)
    for column in ("suite", "cases", "target", "context", "folder"):
        table.add_column(column, overflow="fold")
    folders = suite_folders()
    with recorder_of_cases(*folders):
        _add_suites(table, folders)
    Console().print(table)
    return 0


def _add_suites(table: Table, folders: Sequence[Path]) -> None:
    for folder in folders:
        try:
            suite, cases, problems = check_suite(folder)
        except InfrastructureError as error:
            # A server that holds the cases of this suite does not answer; the other suites are still listed.
            table.add_row(escape(folder.name), "", "", escape(error.message), escape(str(folder)))
            continue
        if suite is None:
            name = escape(folder.name)
            table.add_row(
                name, "", "", f"{counted(len(problems), 'problem')}: eval-pipeline check {name}", escape(str(folder))
            )
            continue
        context = suite.spec.context
        parts = [f"{counted(len(context.tables), 'table')}"] if context.tables else []
        parts += ["documents"] if context.documents else []
        parts += [f"{counted(len(context.patterns), 'pattern')}"] if context.patterns else []
        table.add_row(suite.name, str(len(cases)), suite.spec.target.kind, ", ".join(parts), escape(str(folder)))
