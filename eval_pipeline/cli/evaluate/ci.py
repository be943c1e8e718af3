"""What a run writes for CI: JUnit XML, and Markdown for a pull request and for the summary of a GitHub job."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from eval_pipeline.analysis.export.experiment import ExportedExperiment
from eval_pipeline.analysis.export.junit import junit_xml
from eval_pipeline.analysis.export.markdown import markdown as markdown_text
from eval_pipeline.defs.launching.launch import EvaluationOutcome
from eval_pipeline.settings import environment_variable

_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Set by GitHub Actions: a file whose Markdown the page of the job shows."""


def ci_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options `--junit` and `--markdown`."""
    file = click.Path(dir_okay=False, path_type=Path)
    options = (
        click.option(
            "--junit", type=file, metavar="FILE", help="Write JUnit XML, a test case for each attempt and gate."
        ),
        click.option("--markdown", type=file, metavar="FILE", help="Write Markdown for the comment on a pull request."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def write_for_ci(outcome: EvaluationOutcome, *, junit: Path | None, markdown: Path | None) -> None:
    """Write the files that were asked for; in GitHub Actions the summary of the job, too."""
    summary = environment_variable(_STEP_SUMMARY)
    if (junit, markdown, summary) == (None, None, None):
        return
    experiment = ExportedExperiment.read(outcome.store, outcome.record)
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_bytes(junit_xml(experiment))
    text = markdown_text(experiment)
    if markdown is not None:
        markdown.parent.mkdir(parents=True, exist_ok=True)
        markdown.write_text(text, encoding="utf-8")
    if summary is not None:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)
