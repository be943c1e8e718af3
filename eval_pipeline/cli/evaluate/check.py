"""`eval-pipeline check SUITE`: validate a suite without running it."""

import contextlib
from collections import Counter
from collections.abc import Sequence

import click

from eval_pipeline.cli.servers.case_servers import recorder_of_cases
from eval_pipeline.cli.shown import echo
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.logs import displayable
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.check import check_suite, suite_warnings
from eval_pipeline.suite.covered import coverage_lines
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.import_path import nothing_imported
from eval_pipeline.suite.suite import Suite
from eval_pipeline.user_code.result_stdout import stdout_for_result_only
from eval_pipeline.wording import counted


@click.command()
@click.argument("suite")
@click.option("--static", is_flag=True, help="Import and open nothing of the suite: read its files only.")
@click.option("-v", "--verbose", is_flag=True, help="List the code and files that the versions cover.")
def check(suite: str, *, static: bool, verbose: bool) -> int:
    """Validate a suite and report every problem.

    Checks suite.yaml and the cases, and opens everything that a run opens: the target, models with their keys, files of
    the context, prices, evaluators and prompts. Calls no target and no judge. What was not tried is listed.
    """
    folder = suite_folder(suite)
    not_tried = ["importing code", "opening models", "fetching prompts"] if static else []
    imports = nothing_imported() if static else contextlib.nullcontext()
    with stdout_for_result_only(), recorder_of_cases(folder), imports:
        loaded, cases, problems = check_suite(folder)
        if loaded is not None and not static:
            problems, not_tried = _opened(loaded, cases, problems)
        warnings = [] if loaded is None or problems else suite_warnings(loaded, cases)
    if problems:
        raise InputError(problems)
    assert loaded is not None
    splits = ", ".join(f"{count} {name}" for name, count in sorted(Counter(case.split for case in cases).items()))
    for warning in warnings:
        echo(displayable(f"warning: {warning}"), err=True)
    outcome = "no problems" if not warnings else counted(len(warnings), "warning")
    echo(f"{loaded.name}: {counted(len(cases), 'case')} ({splits}), {outcome}")
    if not_tried:
        echo(f"not tried: {', '.join(dict.fromkeys(not_tried))}")
    if verbose:
        for line in coverage_lines(loaded, cases):
            echo(displayable(line))
    return 0


def _opened(suite: Suite, cases: Sequence[Case], problems: list[Problem]) -> tuple[list[Problem], list[str]]:
    """The problems of what a run opens, besides those there are, and what was not tried; none with problems before."""
    from eval_pipeline.cli.langsmith.hub import find_prompt_problems  # noqa: PLC0415 - imports Dagster
    from eval_pipeline.pipeline.opening import open_suite  # noqa: PLC0415 - imports LangGraph

    problems = problems + find_prompt_problems(suite)
    if problems:
        return problems, []
    opened = open_suite(suite, cases, LangSmithSettings.from_environment())
    return opened.problems, opened.not_tried
