"""Which cases of an experiment Dagster was told of, so that a run that goes on tells it of no case twice.

Belongs here: asking Dagster. Does not belong here: which cases are finished (`eval_pipeline.experiment.standing`).
"""

import datetime as dt
from collections.abc import Iterable, Iterator

import dagster as dg

from eval_pipeline.experiment.record import ExperimentRecord
from eval_pipeline.metadata import EXPERIMENT

_ASKED_AT_ONCE = 500
"""Partitions in one query: SQLite takes 32,766 values in a statement at most."""


def reported_cases(
    instance: dg.DagsterInstance, key: dg.AssetKey, record: ExperimentRecord, case_ids: Iterable[str]
) -> set[str]:
    """Those of `case_ids` that have been materialized as of this experiment."""
    asked, since = sorted(case_ids), dt.datetime.fromisoformat(record.created_at).timestamp()
    return {
        found.partition
        for start in range(0, len(asked), _ASKED_AT_ONCE)
        for found in _materializations(instance, key, asked[start : start + _ASKED_AT_ONCE], since)
        if found.partition is not None
        and (named := found.metadata.get(EXPERIMENT)) is not None
        and named.value == record.experiment
    }


def _materializations(
    instance: dg.DagsterInstance, key: dg.AssetKey, case_ids: list[str], since: float
) -> Iterator[dg.AssetMaterialization]:
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(
            # The record tells the time to the second, and whoever wrote it may have another clock.
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=case_ids, after_timestamp=since - 60),
            limit=2 * _ASKED_AT_ONCE,
            cursor=cursor,
        )
        yield from (found for each in page.records if (found := each.asset_materialization) is not None)
        if not page.has_more:
            return
        cursor = page.cursor
