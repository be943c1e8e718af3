"""The recorder of a command: one that already runs, or one in this process for the length of the command."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.langsmith.local_recorder import DATABASE, local_recorder


@contextlib.contextmanager
def recorder_at_hand(home: Path) -> Iterator[LangSmithResource]:
    """Where to trace to; within it, the recorder runs if it is what is traced to.

    Raises:
        InputError: the environment says something that cannot be used.
    """
    database = home / DATABASE
    with local_recorder(LangSmithResource().settings(), database) as recorder:
        if recorder is not None and recorder.moved:
            click.echo(
                f"{recorder.moved}: the recorder is on {recorder.url} for as long as this run takes; afterwards "
                f"`eval-pipeline ui`, or `eval-pipeline recorder --db {database} --port PORT`, shows the same traces",
                err=True,
            )
        yield LangSmithResource() if recorder is None else LangSmithResource(recorder_url=recorder.url)
