"""`eval-pipeline check SUITE`: everything wrong with a suite, at once, without running it."""

from collections import Counter

import click

from eval_pipeline.cli.prompts.hub import prompt_problems_at_hand
from eval_pipeline.errors import InputError
from eval_pipeline.suite.checking.check import check_suite
from eval_pipeline.suite.discovery import suite_folder


@click.command()
@click.argument("suite")
def check(suite: str) -> int:
    """Say everything that is wrong with SUITE (a name or a folder)."""
    found, cases, problems = check_suite(suite_folder(suite))
    if found is not None:
        problems += prompt_problems_at_hand(found)
    if problems:
        raise InputError(problems)
    assert found is not None
    splits = ", ".join(f"{count} {name}" for name, count in sorted(Counter(case.split for case in cases).items()))
    click.echo(f"{found.name}: {len(cases)} cases ({splits}), nothing wrong")
    return 0
