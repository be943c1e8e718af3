"""Dagster's SQLite event log, which writes many events in one transaction.

Dagster's class opens three databases for each event: 100 s for 10,000 partitions, instead of 5. `dagster.yaml` names
this class under `event_log_storage:`, Dagster's documented way to replace a storage, but the class to derive from is in
a private module. If that changes, importing this module fails: remove the entry from dagster.yaml, which goes back to
Dagster's class on the same files. The `dagster.yaml` that `eval-pipeline` creates has the entry.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, cast

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
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
        for (run_id, together), batch in groupby(events, key=lambda event: (event.run_id, stored_together(event))):
            if together:
                self._store_together(run_id, list(batch))
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


def stored_together(event: dg.EventLogEntry) -> bool:
    """Whether storing an event writes only its row, its tags and the latest event of its asset."""
    return event.is_dagster_event and event.dagster_event_type in _AT_ONCE
