"""The recorder that a command traces to: that of the Dagster home, started if it does not run."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.langsmith.local_recorder import DATABASE, local_recorder


@contextlib.contextmanager
def recorder_at_hand(home: Path) -> Iterator[LangSmithResource]:
    """Start the recorder if traces go to it and it does not run; yield the resource that traces there.

    Raises:
        InputError: a setting in the environment is invalid.
    """
    with local_recorder(LangSmithResource().settings(), home) as recorder:
        if recorder is not None and recorder.moved:
            click.echo(
                f"{recorder.moved}: the recorder is on {recorder.url} until this run ends; then "
                f"`eval-pipeline ui`, or `eval-pipeline recorder --db {home / DATABASE} --port PORT`, shows the same "
                "traces",
                err=True,
            )
        yield LangSmithResource() if recorder is None else LangSmithResource(recorder_url=recorder.url)
