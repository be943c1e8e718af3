"""`eval-pipeline list`: the suites there are."""

import click
import rich.box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval_pipeline.errors import InfrastructureError
from eval_pipeline.suite.checking.check import check_suite
from eval_pipeline.suite.discovery import suite_folders


@click.command("list")
def list_suites() -> int:
    """Show the suites that ship with the package and those in EVAL_PIPELINE_SUITES."""
    table = Table(box=rich.box.SIMPLE_HEAD)
    for column in ("suite", "cases", "target", "context", "folder"):
        table.add_column(column, overflow="fold")
    for folder in suite_folders():
        try:
            suite, cases, problems = check_suite(folder)
        except InfrastructureError as error:
            # Its cases are on a server; the other suites are there all the same.
            table.add_row(escape(folder.name), "", "", escape(error.message), escape(str(folder)))
            continue
        if suite is None:
            name = escape(folder.name)
            table.add_row(name, "", "", f"{len(problems)} problems: eval-pipeline check {name}", escape(str(folder)))
            continue
        context = suite.spec.context
        parts = [f"{len(context.tables)} tables"] if context.tables else []
        parts += ["documents"] if context.documents else []
        parts += [f"{len(context.patterns)} patterns"] if context.patterns else []
        table.add_row(suite.name, str(len(cases)), suite.spec.target.kind, ", ".join(parts), escape(str(folder)))
    Console().print(table)
    return 0
