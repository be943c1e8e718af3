"""The deployment `deploy/celery` on loopback: the cost of a run on a fleet, and losses when a worker is killed.

Postgres, Redis, an S3 server, a recorder, code server, web server, daemon, two workers. A backfill of all cases is
requested over GraphQL twice: undisturbed, and with a worker killed (`kill -9`, all its processes) half-way. Fails
unless every result exists exactly once. The servers are those installed for tests (Debian: postgresql, redis-server).
"""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

from bench.report import Comparison, options, show
from eval_pipeline_tests.deploy.celery_fleet import CeleryFleet, running_fleet
from eval_pipeline_tests.deploy.counted_suite import CountedSuite
from eval_pipeline_tests.deploy.drill import Drill, backfilled, prepare
from eval_pipeline_tests.quick_dagster import QUICK_DAEMON


def main() -> None:
    """Run the drill, and print its figures."""
    chosen = options(__doc__ or "")
    cases, cases_per_run = (40, 10) if chosen.quick else (200, 10)
    # Dagster's daemon polls backfills every 30 s, the quick one every second.
    daemon = QUICK_DAEMON if chosen.quick else ("dagster-daemon",)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-")))
        suite = CountedSuite(folder=folder / "suite", cases=cases, cases_per_run=cases_per_run, seconds=0.05)
        suite.write()
        stack.enter_context(mock.patch.dict(os.environ, _clean_environment(), clear=True))
        fleet = stack.enter_context(running_fleet(folder, suite, daemon=daemon))
        prepare(fleet)
        undisturbed = backfilled(fleet)
        memory = _memory(fleet)
        disturbed = backfilled(fleet, kill_at=cases // 2 + 1)
    for name, drill in (("fleet with a worker killed", disturbed), ("fleet", undisturbed)):
        show(figures_of(name, drill, cases, memory), as_json=chosen.json)
    if wrong := [*wrong_in(undisturbed, cases), *wrong_in(disturbed, cases)]:
        sys.exit("; ".join(wrong))


def _clean_environment() -> dict[str, str]:
    """The environment without variables of the user's own deployment."""
    own = ("LANGSMITH_", "LANGCHAIN_", "EVAL_PIPELINE_", "DAGSTER_", "AWS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


def _memory(fleet: CeleryFleet) -> dict[str, float]:
    return {f"{name}_mb": round(group.memory_mb(), 1) for name, group in fleet.groups.items()}


def figures_of(name: str, drill: Drill, cases: int, memory: dict[str, float]) -> Comparison:
    """The figures of a drill; `memory` is by part, in MB."""
    seconds = {"first_start_s": drill.first_start_s, "launch_s": drill.launch_s, "run_s": drill.run_s}
    if drill.recovery_s is not None:
        seconds["recovery_s"] = drill.recovery_s
    figures = {"runs_per_minute": drill.runs_per_minute, **seconds}
    stored = f"{drill.results} results, {drill.cases_with_rows} rows, {drill.partitions} partitions of {cases}"
    notes = [
        f"{drill.runs} runs, {drill.lost} lost; {stored}, {drill.experiments} experiment",
        f"{drill.paid_twice} calls of the target paid twice",
        "MB is the memory of processes, with shared pages divided among them",
    ]
    ours = {name: round(value, 2) for name, value in figures.items()}
    return Comparison(name=name, n=cases, ours={**ours, **memory}, peers={}, ratios={}, notes=notes)


def wrong_in(drill: Drill, cases: int) -> list[str]:
    """What is missing, or exists more than once."""
    expected = {"experiments": 1, "wrong": 0, "status": "COMPLETED_SUCCESS"} | dict.fromkeys(
        ("results", "rows", "cases_with_rows", "materializations", "partitions"), cases
    )
    actual = {name: getattr(drill, name) for name in expected}
    return [f"{name} is {actual[name]}, not {value}" for name, value in expected.items() if actual[name] != value]


if __name__ == "__main__":
    main()
