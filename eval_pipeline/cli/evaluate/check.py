"""`eval-pipeline check SUITE`: validate a suite without running it."""

from collections import Counter

import click

from eval_pipeline.cli.langsmith.hub import find_prompt_problems
from eval_pipeline.cli.servers.recorder import recorder_of_cases
from eval_pipeline.errors import InputError
from eval_pipeline.redaction.logs import displayable
from eval_pipeline.suite.check import check_suite, suite_warnings
from eval_pipeline.suite.covered import coverage_lines
from eval_pipeline.suite.discovery import suite_folder


@click.command()
@click.argument("suite")
@click.option("-v", "--verbose", is_flag=True, help="List the code and files that the versions cover.")
def check(suite: str, verbose: bool) -> int:  # noqa: FBT001 - click passes options by name
    """Validate a suite and report every problem.

    Checks suite.yaml, the cases, everything they import, and that the prompts exist. Runs no target and no judge.
    """
    folder = suite_folder(suite)
    with recorder_of_cases(folder):
        loaded, cases, problems = check_suite(folder)
        if loaded is not None:
            problems += find_prompt_problems(loaded)
    if problems:
        raise InputError(problems)
    assert loaded is not None
    splits = ", ".join(f"{count} {name}" for name, count in sorted(Counter(case.split for case in cases).items()))
    warnings = suite_warnings(loaded, cases)
    for warning in warnings:
        click.echo(displayable(f"warning: {warning}"), err=True)
    outcome = "no problems" if not warnings else f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}"
    click.echo(f"{loaded.name}: {len(cases)} cases ({splits}), {outcome}")
    if verbose:
        for line in coverage_lines(loaded, cases):
            click.echo(displayable(line))
    return 0
