"""Which cases of an experiment Dagster was told of, so that a run that goes on tells it of no case twice."""

import datetime as dt
from collections.abc import Iterable, Iterator

import dagster as dg

from eval_pipeline.defs.metadata import EXPERIMENT
from eval_pipeline.results.experiment_record import ExperimentRecord

_ASKED_AT_ONCE = 500
"""Partitions in one query: SQLite takes 32,766 values in a statement at most."""


def reported_cases(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    record: ExperimentRecord,
    case_ids: Iterable[str],
    *,
    run_id: str | None = None,
) -> set[str]:
    """Those of `case_ids` that have been materialized as of this experiment; if `run_id` is given, by that run."""
    asked, since = sorted(case_ids), dt.datetime.fromisoformat(record.created_at).timestamp()
    return {
        str(found.partition_key)
        for start in range(0, len(asked), _ASKED_AT_ONCE)
        for found in _materializations(instance, key, asked[start : start + _ASKED_AT_ONCE], since)
        if run_id in (None, found.run_id) and _experiment(found) == record.experiment
    }


def _experiment(found: dg.EventLogRecord) -> object:
    named = None if found.asset_materialization is None else found.asset_materialization.metadata.get(EXPERIMENT)
    return None if named is None else named.value


def _materializations(
    instance: dg.DagsterInstance, key: dg.AssetKey, case_ids: list[str], since: float
) -> Iterator[dg.EventLogRecord]:
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(
            # The record tells the time to the second, and whoever wrote it may have another clock.
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=case_ids, after_timestamp=since - 60),
            limit=2 * _ASKED_AT_ONCE,
            cursor=cursor,
        )
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor
