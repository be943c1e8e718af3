"""`eval-pipeline schema`: the JSON schemas of suite.yaml and of cases, for editors."""

import json

import click

from eval_pipeline.suite.json_schema import cases_schema, suite_schema


@click.command()
@click.argument("document", type=click.Choice(["suite", "cases"]), default="suite")
def schema(document: str) -> int:
    """Print the JSON schema of suite.yaml, or of a file of cases.

    Editors read it from the first line of a file: `# yaml-language-server: $schema=suite.schema.json`.
    """
    click.echo(json.dumps(suite_schema() if document == "suite" else cases_schema(), indent=2))
    return 0
