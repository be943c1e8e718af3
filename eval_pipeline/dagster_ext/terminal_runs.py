"""Runs that a terminal executes, listed by the Dagster UI with the other runs of their job, and canceled by Ctrl-C.

The UI lists a job's runs by the tag `.dagster/repository`, and draws on its timeline the runs that have a
`RemoteJobOrigin`; Dagster's public way to execute a job in a process gives a run neither. `create_run_for_job`, which
that way calls, takes the origin, and is undocumented. If it changes, runs are executed without an origin, and are on
no timeline; a test fails then.
"""

import contextlib
import functools
from collections.abc import Iterator, Mapping

import dagster as dg

_REPOSITORY = "__repository__"
"""The name that Dagster gives to the `Definitions` of a code location."""
TERMINAL_TAG = "eval/terminal"
"""On a run: it was started in a terminal, which shows its failure, and whose interrupt cancels it."""


def terminal_tags(location: str) -> Mapping[str, str]:
    """The tags of a run in a terminal that belongs to a code location; the daemon does not retry it."""
    return {".dagster/repository": f"{_REPOSITORY}@{location}", "dagster/max_retries": "0", TERMINAL_TAG: "true"}


@contextlib.contextmanager
def runs_belong_to(instance: dg.DagsterInstance, location: str, job: str) -> Iterator[None]:
    """Runs that are created here have their origin in a job of a code location."""
    try:
        from dagster._core.remote_origin import (  # noqa: PLC0415 - private: may be missing in a new version
            RegisteredCodeLocationOrigin,
            RemoteJobOrigin,
            RemoteRepositoryOrigin,
        )

        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), _REPOSITORY)
        origin = RemoteJobOrigin(repository, job)
        create = instance.create_run_for_job
    except (ImportError, AttributeError, TypeError):
        yield
        return
    instance.create_run_for_job = functools.partial(create, remote_job_origin=origin)  # type: ignore[method-assign]
    try:
        yield
    finally:
        del instance.create_run_for_job


@contextlib.contextmanager
def interrupt_cancels(context: dg.AssetExecutionContext) -> Iterator[None]:
    """An interrupt of a terminal's run ends it as canceled; Dagster takes it for a failure, unless it was requested."""
    try:
        yield
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        if TERMINAL_TAG in context.run.tags:
            context.instance.report_run_canceling(context.run, "Interrupted in the terminal.")
        raise
