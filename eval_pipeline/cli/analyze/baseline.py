"""`eval-pipeline baseline`: what new experiments are compared with."""

import click

from eval_pipeline.analysis.baseline import read_baseline, set_baseline
from eval_pipeline.cli.store_option import store_option
from eval_pipeline.results.experiment_record import suite_of
from eval_pipeline.store.opening import open_store


@click.group()
def baseline() -> None:
    """What new experiments are compared with: the last that passed, unless one is set here."""


@baseline.command("set")
@click.argument("experiment")
@store_option
def set_(experiment: str, store: str) -> int:
    """Compare the suite's new experiments with EXPERIMENT."""
    opened = open_store(store)
    suite = suite_of(opened, experiment)
    set_baseline(opened, suite, experiment)
    click.echo(f"{suite}: new experiments are compared with {experiment}")
    return 0


@baseline.command()
@click.argument("suite")
@store_option
def show(suite: str, store: str) -> int:
    """Show what was set for SUITE."""
    found = read_baseline(open_store(store), suite)
    click.echo("none is set: the last that passed" if found is None else f"{found.experiment} (set {found.set_at})")
    return 0
