"""Dagster's SQLite event log, which writes many events in one transaction.

Dagster's class opens three databases for each event: 100 s for 10,000 partitions, instead of 5. `dagster.yaml` names
this class under `event_log_storage:`, Dagster's documented way to replace a storage, but the class to derive from is in
a private module. If that changes, importing this module fails: remove the entry from dagster.yaml, which goes back to
Dagster's class on the same files. The `dagster.yaml` that `eval-pipeline` creates has the entry.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, cast

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from typing_extensions import override

from eval_pipeline.settings import PipelineSettings

_AT_ONCE = frozenset(
    {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_OBSERVATION,
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    }
)


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """Writes a batch of events in one transaction in the run's database, and one in the index."""

    writes_evaluations_together = True

    @classmethod
    @override
    def config_type(cls) -> Any:
        return {"base_dir": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    @override
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "BatchingSqliteEventLogStorage":
        # The default folder is that of Dagster's class.
        home = PipelineSettings.from_environment().dagster_home
        assert home is not None
        base = config_value.get("base_dir") or str(home / "history" / "runs")
        return cls(base_dir=base, inst_data=inst_data)

    @override
    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        for (run_id, kind), batch in groupby(events, key=lambda event: (event.run_id, batch_kind(event))):
            if kind == MATERIALIZATIONS:
                self._store_together(run_id, list(batch))
            elif kind == EVALUATIONS:
                self._store_evaluations(run_id, list(batch))
            else:
                super().store_event_batch(list(batch))

    def _store_together(self, run_id: str, events: list[dg.EventLogEntry]) -> None:
        rows = [self._event_to_row(event) for event in events]
        insert = SqlEventLogStorageTable.insert()
        with self.run_connection(run_id) as connection:
            connection.execute(insert, rows)
        returning = insert.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
        latest: dict[dg.AssetKey, tuple[dg.EventLogEntry, int]] = {}
        with self.index_transaction() as connection:
            ids = [cast("int", row[0]) for row in connection.execute(returning, rows)]
            self._store_asset_event_tags(connection, events, ids)
            for event, event_id in zip(events, ids, strict=True):
                latest[cast("dg.AssetKey", event.get_dagster_event().asset_key)] = event, event_id
            for event, event_id in latest.values():
                self._store_asset_event(connection, event, event_id)

    def _store_evaluations(self, run_id: str, events: list[dg.EventLogEntry]) -> None:
        rows = [self._event_to_row(event) for event in events]
        insert = SqlEventLogStorageTable.insert()
        with self.run_connection(run_id) as connection:
            connection.execute(insert, rows)
        returning = insert.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
        with self.index_transaction() as connection:
            ids = [cast("int", row[0]) for row in connection.execute(returning, rows)]
            write_evaluations(connection, events, ids, [row["event"] for row in rows])

    @override
    def store_asset_check_event(self, event: dg.EventLogEntry, event_id: int | None) -> None:
        if not plans_many_partitions(event):
            super().store_asset_check_event(event, event_id)


MATERIALIZATIONS, EVALUATIONS = "materializations", "evaluations"
_FEW = 50
"""Partitions, up to which Dagster's own rows of a planned check are written."""


def batch_kind(event: dg.EventLogEntry) -> str | None:
    """Which events an event can be stored together with; None if Dagster's class stores it.

    Storing a materialization writes only its row, its tags and the latest event of its asset; storing the evaluation of
    a partitioned check only its row, twice.
    """
    if not event.is_dagster_event:
        return None
    if event.dagster_event_type in _AT_ONCE:
        return MATERIALIZATIONS
    evaluation = event.dagster_event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
    return EVALUATIONS if evaluation and event.run_id and _evaluation_of(event).partition is not None else None


def plans_many_partitions(event: dg.EventLogEntry) -> bool:
    """Whether an event plans a check of many partitions, for each of which Dagster writes a row that names all of them.

    Without these rows an evaluation is written as one that was not planned.
    """
    if event.dagster_event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
        return False
    subset = getattr(event.get_dagster_event().event_specific_data, "partitions_subset", None)
    return subset is not None and len(subset) > _FEW


def write_evaluations(
    connection: Any, events: Sequence[dg.EventLogEntry], ids: Sequence[int], texts: Sequence[str]
) -> None:
    """Write the state of a partitioned check after its evaluations in one run, in the place of what was planned.

    Args:
        connection: to the database.
        events: the evaluations.
        ids: of their rows.
        texts: the events as they are stored; to serialize one takes a tenth of a millisecond.
    """
    table = AssetCheckExecutionsTable
    partitions_by_check: dict[tuple[str, str, str], list[str]] = {}
    rows = []
    for event, event_id, text in zip(events, ids, texts, strict=True):
        evaluation = _evaluation_of(event)
        target = evaluation.target_materialization_data
        check = (evaluation.asset_key.to_string(), evaluation.check_name, event.run_id)
        partitions_by_check.setdefault(check, []).append(str(evaluation.partition))
        rows.append(
            {
                "asset_key": check[0],
                "check_name": check[1],
                "run_id": check[2],
                "partition": evaluation.partition,
                "execution_status": "SUCCEEDED" if evaluation.passed else "FAILED",
                "evaluation_event": text,
                "evaluation_event_timestamp": dt.datetime.fromtimestamp(event.timestamp, dt.UTC).replace(tzinfo=None),
                "evaluation_event_storage_id": event_id,
                "materialization_event_storage_id": None if target is None else target.storage_id,
            }
        )
    for (asset_key, check_name, run_id), partitions in partitions_by_check.items():
        planned = (table.c.asset_key == asset_key) & (table.c.check_name == check_name) & (table.c.run_id == run_id)
        connection.execute(table.delete().where(planned & table.c.partition.in_(partitions)))
    connection.execute(table.insert(), rows)


def _evaluation_of(event: dg.EventLogEntry) -> dg.AssetCheckEvaluation:
    return cast("dg.AssetCheckEvaluation", event.get_dagster_event().event_specific_data)
