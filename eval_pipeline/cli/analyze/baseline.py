"""`eval-pipeline baseline`: the experiment that new experiments are compared with."""

import click

from eval_pipeline.analysis.baseline import read_baseline, set_baseline
from eval_pipeline.cli.options import store_option
from eval_pipeline.cli.shown import echo
from eval_pipeline.results.experiment_record import suite_of
from eval_pipeline.store.opening import open_store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite


@click.group()
def baseline() -> None:
    """Set or show the baseline of new experiments.

    Without a baseline, a new experiment is compared with the last one that passed its gates.
    """


@baseline.command("set")
@click.argument("experiment")
@store_option
def set_(experiment: str, store: str) -> int:
    """Compare new experiments of its suite with EXPERIMENT."""
    opened = open_store(store)
    suite = suite_of(opened, experiment)
    set_baseline(opened, suite, experiment)
    echo(f"{suite}: new experiments are compared with {experiment}")
    return 0


@baseline.command()
@click.argument("suite")
@store_option
def show(suite: str, store: str) -> int:
    """Show the baseline of SUITE."""
    current = read_baseline(open_store(store), read_suite(suite_folder(suite)).name)
    if current is None:
        echo("no baseline is set: new experiments are compared with the last one that passed")
    else:
        echo(f"{current.experiment} (set {current.set_at})")
    return 0
