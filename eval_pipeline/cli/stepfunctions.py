"""`eval-pipeline stepfunctions SUITE`: the definition of a state machine that evaluates a suite."""

import json
from pathlib import Path

import click

from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.workers.state_machine.definition import state_machine_definition


@click.command()
@click.argument("suite")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file instead of stdout.")
@click.option("--store", help="The store's URI; by default what the functions have in EVAL_PIPELINE_STORE.")
def stepfunctions(suite: str, out: Path | None, store: str | None) -> None:
    """Print the state machine of SUITE (a name or a folder): prefetch, distributed map, summarise.

    The suite says `compute: {kind: step_functions, function: …}`.
    """
    definition = state_machine_definition(read_suite(suite_folder(suite)), store=store)
    text = json.dumps(definition, indent=2) + "\n"
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
