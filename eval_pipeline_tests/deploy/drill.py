"""A backfill of all cases on a fleet, undisturbed or with a worker killed half-way; and what is there in the end."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import dagster as dg
import orjson

from eval_pipeline.results.result_log import read_all_rows, read_results
from eval_pipeline.store.layout import summary_key
from eval_pipeline_tests.deploy.celery_fleet import CeleryFleet
from eval_pipeline_tests.deploy.counted_suite import NAME
from eval_pipeline_tests.outcome import materialized_partitions, rows_of

CASE_RESULTS = [NAME, "case_results"]


@dataclass(frozen=True, kw_only=True)
class Drill:
    """What is there after one backfill."""

    status: str
    """Of the backfill."""
    experiments: int
    results: int
    rows_of_results: int
    """Rows of the result log, superseded ones too."""
    rows: int
    """Of the experiment, at the recorder."""
    cases_with_rows: int
    materializations: int
    partitions: int
    paid_twice: int
    """Calls of the target beyond one a case."""
    wrong: int
    """Verdicts that differ from the true ones."""
    summary: dict[str, Any]
    """`summary.json`."""
    runs: int
    """Of `case_results`."""
    lost: int
    """Of them, those that ended with their worker."""
    runs_per_minute: float
    """From the first start to the last end."""
    first_start_s: float
    """From asking for the backfill to the start of its first run."""
    launch_s: float
    """From a run's launch to its start: through Redis to a worker, and the suite loaded; the median."""
    run_s: float
    """From a run's start to its end; the median of those that succeeded."""
    recovery_s: float | None
    """From the kill to the start of the run that does the lost one's work."""


def prepare(fleet: CeleryFleet) -> None:
    """Make what a backfill needs, on a worker: the dataset, its partitions, and the shared context."""
    run_id = fleet.api.run([[NAME, "test_cases"], [NAME, "shared_context"]])
    assert fleet.end_of_run(run_id) == "SUCCESS", fleet.logs()


def backfilled(fleet: CeleryFleet, *, kill_at: int | None = None) -> Drill:
    """Have all cases evaluated and summarized; with `kill_at`, the worker that evaluates that case is killed."""
    before = _State.of(fleet)
    asked = 0 if kill_at is None else fleet.suite.calls()[kill_at]
    if kill_at is not None:
        fleet.suite.waits_at(kill_at).touch()
    asked_at = time.time()
    backfill = fleet.api.backfill([CASE_RESULTS, [NAME, "experiment"], [NAME, "experiment_summary"]], fleet.suite.keys)
    killed_at = None
    if kill_at is not None:
        fleet.kill_whoever_has(fleet.until(lambda: fleet.suite.process_at(kill_at, after=asked)))
        killed_at = time.time()
        fleet.suite.waits_at(kill_at).unlink()
    status = fleet.end_of_backfill(backfill)
    return _drill(fleet, before, status=status, asked_at=asked_at, killed_at=killed_at)


@dataclass(frozen=True, kw_only=True)
class _State:
    """What was there before."""

    experiments: set[str]
    runs: set[str]
    materializations: int
    calls: int

    @classmethod
    def of(cls, fleet: CeleryFleet) -> "_State":
        return cls(
            experiments={key.split("/")[2] for key in fleet.store.list(f"experiments/{NAME}/")},
            runs={record.dagster_run.run_id for record in fleet.instance.get_run_records()},
            materializations=len(_materialized(fleet)),
            calls=fleet.suite.calls().total(),
        )


def _drill(fleet: CeleryFleet, before: _State, *, status: str, asked_at: float, killed_at: float | None) -> Drill:
    suite, after = fleet.suite, _State.of(fleet)
    experiments = after.experiments - before.experiments
    experiment = min(experiments)
    results = read_results(fleet.store, NAME, experiment, columns=["status"]).to_pylist()
    names = rows_of(fleet.recorder_url, experiment)
    records = [record for record in _evaluations(fleet) if record.dagster_run.run_id not in before.runs]
    starts = sorted(record.start_time for record in records if record.start_time)
    ends = [record.end_time for record in records if record.end_time]
    done = [record for record in records if record.dagster_run.status is dg.DagsterRunStatus.SUCCESS]
    retried = [record.start_time for record in done if record.dagster_run.parent_run_id and record.start_time]
    # Events come the latest first.
    reported = _materialized(fleet)[: after.materializations - before.materializations]
    return Drill(
        status=status,
        experiments=len(experiments),
        results=len(results),
        rows_of_results=read_all_rows(fleet.store, NAME, experiment, columns=["status"]).num_rows,
        rows=len(names),
        cases_with_rows=len(set(names)),
        materializations=len(reported),
        partitions=len(set(reported)),
        paid_twice=after.calls - before.calls - suite.cases,
        wrong=sum(suite.verdicts[row["case_id"]] != row["status"] for row in results),
        summary=orjson.loads(fleet.store.get(summary_key(NAME, experiment)) or b"{}"),
        runs=len(records),
        lost=len(records) - len(done),
        runs_per_minute=len(done) / (max(ends) - starts[0]) * 60,
        first_start_s=starts[0] - asked_at,
        launch_s=median(_launch_s(fleet, record) for record in done),
        run_s=median((record.end_time or 0.0) - (record.start_time or 0.0) for record in done),
        recovery_s=min(retried) - killed_at if killed_at and retried else None,
    )


def _evaluations(fleet: CeleryFleet) -> list[dg.RunRecord]:
    asset = dg.AssetKey(CASE_RESULTS)
    records = fleet.instance.get_run_records()
    return [record for record in records if asset in (record.dagster_run.asset_selection or ())]


def _launch_s(fleet: CeleryFleet, record: dg.RunRecord) -> float:
    stats = fleet.instance.get_run_stats(record.dagster_run.run_id)
    return (stats.start_time or 0.0) - (stats.launch_time or 0.0)


def _materialized(fleet: CeleryFleet) -> list[str]:
    return materialized_partitions(fleet.instance, dg.AssetKey(CASE_RESULTS))
