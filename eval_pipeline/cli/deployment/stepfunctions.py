"""`eval-pipeline stepfunctions SUITE`: the definition of the AWS state machine that evaluates a suite."""

import json
from pathlib import Path

import click

from eval_pipeline.cli.shown import echo
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.workers.state_machine.definition import state_machine_definition


@click.command()
@click.argument("suite")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: stdout]")
@click.option("--store", metavar="URI", help="Store.  [default: EVAL_PIPELINE_STORE of the functions]")
def stepfunctions(suite: str, out: Path | None, store: str | None) -> None:
    """Print the state machine of a suite for AWS.

    The output is a definition in the Amazon States Language: prefetch, distributed map, summarise. SUITE has
    `compute: {kind: step_functions, function: …}` in its suite.yaml.
    """
    definition = state_machine_definition(read_suite(suite_folder(suite)), store=store)
    text = json.dumps(definition, indent=2) + "\n"
    if out is None:
        echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
