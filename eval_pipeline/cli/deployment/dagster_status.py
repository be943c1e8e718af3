"""`eval-pipeline dagster-status SUITE`: what Dagster has of a suite, as text or JSON."""

import json
from typing import Any

import click

from eval_pipeline.cli.options import json_option
from eval_pipeline.cli.shown import echo
from eval_pipeline.defs.launching.instance import open_instance
from eval_pipeline.defs.launching.suite_status import suite_status
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite


@click.command("dagster-status")
@click.argument("suite")
@json_option
def dagster_status(suite: str, *, as_json: bool) -> int:
    """Show what Dagster has of a suite: partitions, checks, runs.

    With --json also each partition with the outcome of its check, and the metadata of each asset. Needs no web server.
    """
    loaded = read_suite(suite_folder(suite))
    with open_instance() as instance:
        status = suite_status(instance, loaded)
    if as_json:
        click.echo(json.dumps(status, indent=2, default=str))
        return 0
    for name, counts in status["counts"].items():
        echo(f"{name}: {', '.join(f'{number} {what}' for what, number in sorted(counts.items())) or 'no partitions'}")
    for name, check in status["checks"].items():
        echo(f"{name}: {_outcome(check)}")
    for run in status["runs"]:
        echo(f"run {run['id'][:8]} of {run['job']}: {run['status'].lower()}, {run['at']}")
    return 0


def _outcome(check: dict[str, Any] | None) -> str:
    if check is None:
        return "never evaluated"
    return f"{'passed' if check['passed'] else 'failed'}: {check['description'] or ''}"
