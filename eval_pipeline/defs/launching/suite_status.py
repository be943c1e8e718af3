"""What Dagster has of a suite, for programs: partitions, checks, latest materializations and runs."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from eval_pipeline.dagster_ext.check_statuses import latest_outcome, partition_outcomes
from eval_pipeline.defs.assets.partition_health import PARTITIONS_UP_TO_DATE
from eval_pipeline.defs.assets.upstream import (
    CASE_RESULTS,
    EVALUATION_ASSETS,
    EXPERIMENT_ASSET,
    EXPERIMENT_SUMMARY,
    asset_key,
    case_passed_key,
)
from eval_pipeline.defs.checks import TRACES_COMPLETE
from eval_pipeline.defs.partitions import SUITE_TAG, cases_partitions
from eval_pipeline.suite.suite import Suite

_STATUSES = {
    "MATERIALIZED": "materialized",
    "FAILED": "run_failed",
    "IN_PROGRESS": "in_progress",
    "MATERIALIZING": "in_progress",
}
_RUNS = 5


def suite_status(instance: dg.DagsterInstance, suite: Suite) -> dict[str, Any]:
    """The status as plain data.

    Returns:
        `partitions`: for each case whether it is materialized, and the outcome of `case_passed`; `counts` of both;
        `checks` and `assets`: the latest outcomes and materializations; `runs`: the newest ones.
    """
    partitions = _partitions(instance, suite)
    return {
        "suite": suite.name,
        "counts": {name: dict(Counter(each[name] for each in partitions)) for name in ("status", "case_passed")},
        "partitions": partitions,
        "checks": {name: _check(instance, key) for name, key in _checks(suite).items()},
        "assets": {name: _asset(instance, asset_key(suite, name)) for name in EVALUATION_ASSETS},
        "runs": [_run(record) for record in _runs(instance, suite)],
    }


def _partitions(instance: dg.DagsterInstance, suite: Suite) -> list[dict[str, str]]:
    definition = cases_partitions(suite.name)
    assert definition.name is not None
    keys = sorted(instance.get_dynamic_partitions(definition.name))
    statuses = instance.get_status_by_partition(asset_key(suite, CASE_RESULTS), keys, definition) or {}
    outcomes = partition_outcomes(instance, case_passed_key(suite), keys)
    return [{"case": key, "status": _status(statuses.get(key)), "case_passed": outcomes[key]} for key in keys]


def _status(status: Any) -> str:
    return "missing" if status is None else _STATUSES.get(status.value, status.value.lower())


def _checks(suite: Suite) -> Mapping[str, dg.AssetCheckKey]:
    summary = asset_key(suite, EXPERIMENT_SUMMARY)
    return {
        **{name: dg.AssetCheckKey(summary, name) for name in suite.spec.gates_to_meet.named()},
        TRACES_COMPLETE: dg.AssetCheckKey(asset_key(suite, EXPERIMENT_ASSET), TRACES_COMPLETE),
        PARTITIONS_UP_TO_DATE: dg.AssetCheckKey(asset_key(suite, CASE_RESULTS), PARTITIONS_UP_TO_DATE),
    }


def _check(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dict[str, Any] | None:
    outcome = latest_outcome(instance, key)
    if outcome is None:
        return None
    return {
        "passed": outcome.passed,
        "severity": outcome.severity,
        "description": outcome.description,
        "at": _moment(outcome.timestamp),
    }


def _asset(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any] | None:
    records = instance.fetch_materializations(key, limit=1).records
    event = records[0].asset_materialization if records else None
    if event is None:
        return None
    values = {name: value.value for name, value in event.metadata.items()}
    plain = {name: value for name, value in values.items() if isinstance(value, str | int | float | bool)}
    return {"run": records[0].run_id, "at": _moment(records[0].timestamp), "metadata": plain}


def _runs(instance: dg.DagsterInstance, suite: Suite) -> Sequence[dg.RunRecord]:
    return instance.get_run_records(dg.RunsFilter(tags={SUITE_TAG: suite.name}), limit=_RUNS)


def _run(record: dg.RunRecord) -> dict[str, Any]:
    run = record.dagster_run
    return {
        "id": run.run_id,
        "job": run.job_name,
        "status": run.status.value,
        "at": record.create_timestamp.isoformat(),
    }


def _moment(timestamp: float) -> str:
    return dt.datetime.fromtimestamp(timestamp, dt.UTC).isoformat()
