"""Checks of runs that Dagster takes for running: those whose process is gone, and those of which nobody knows."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from eval_pipeline.defs.launching.cli_runs import noted_runs, unended_runs
from eval_pipeline.defs.partitions import FORGOTTEN_SECONDS
from eval_pipeline.doctor.finding import Finding, ok, warning

_SHOWN = 3
_TERMINATE = "terminate it in the UI, with `Force termination immediately`, if its process is gone"
_UNENDED = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def check_runs(instance: dg.DagsterInstance) -> Iterator[Finding]:
    """Look for runs that will never end by themselves."""
    # A terminal's are judged by their locks, however long they take.
    noted = {run.run_id for run in noted_runs(Path(instance.root_directory))}
    let_go = unended_runs(instance)
    dead = [run.run_id for run in let_go if run.is_of_this_host]
    elsewhere = [f"{run.run_id} of {run.host}" for run in let_go if not run.is_of_this_host]
    silent = [run_id for run_id in _silent(instance) if run_id not in noted]
    if dead:
        fix = "the next `eval-pipeline run` or `ui` with this DAGSTER_HOME makes failed runs of them"
        yield warning("runs", f"dead, though Dagster takes them for running: {_some(dead)}", fix=fix)
    if elsewhere:
        message = f"Dagster takes them for running, which only their hosts can tell: {_some(elsewhere)}"
        yield warning("runs elsewhere", message, fix=f"run `eval-pipeline doctor` there, or {_TERMINATE}")
    if silent:
        message = f"running for more than a day, whether or not their processes live: {_some(silent)}"
        yield warning("silent runs", message, fix=_TERMINATE)
    if not (dead or elsewhere or silent):
        yield ok("runs", "none is dead and taken for running")


def _silent(instance: dg.DagsterInstance) -> list[str]:
    before = datetime.now(tz=UTC) - timedelta(seconds=FORGOTTEN_SECONDS)
    records = instance.get_run_records(dg.RunsFilter(statuses=_UNENDED, updated_before=before))
    return [record.dagster_run.run_id for record in records]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
