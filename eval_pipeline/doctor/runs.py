"""Checks of runs that Dagster shows as running although their process may be gone."""

from collections.abc import Iterator, Sequence

from eval_pipeline.dagster_ext.instance_facts import InstanceFacts
from eval_pipeline.defs.launching.cli_runs import silent_runs, unended_runs
from eval_pipeline.doctor.finding import Finding, ok, warning

_MOST_NAMED = 3
_TERMINATE = "terminate it in the UI, with `Force termination immediately`, if its process is gone"


def check_runs(facts: InstanceFacts) -> Iterator[Finding]:
    """Look for runs that will never end by themselves."""
    unended = unended_runs(facts.instance)
    dead = [run.run_id for run in unended if run.is_of_this_host]
    elsewhere = [f"{run.run_id} of {run.host}" for run in unended if not run.is_of_this_host]
    silent = silent_runs(facts.instance)
    if dead:
        fix = "run `eval-pipeline run` or `eval-pipeline ui` with this DAGSTER_HOME: it marks them as failed"
        yield warning("runs", f"shown as running, but their process is gone: {_named(dead)}", fix=fix)
    if elsewhere:
        message = f"shown as running on other hosts, which cannot be checked from here: {_named(elsewhere)}"
        yield warning("runs elsewhere", message, fix=f"run `eval-pipeline doctor` there, or {_TERMINATE}")
    if silent:
        message = f"running for more than a day without a sign of life: {_named(silent)}"
        yield warning("silent runs", message, fix=_TERMINATE)
    if not (dead or elsewhere or silent):
        yield ok("runs", "no run is shown as running without a process")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
