"""Dagster's Postgres storage, with an event log that writes planned events in one transaction.

Dagster's class writes materializations many at a time, but the events that plan a run one by one, with three
connections each: minutes for 10,000 partitions. `dagster.yaml` names this class under `storage: {custom: …}`, Dagster's
documented way to replace a storage. Its base classes are public, the methods that make the rows of an event are not;
there is no other way to make the same rows. If they change, events are written in Dagster's way; a test fails then.
The tables are unchanged: `storage: {postgres: …}` goes back to Dagster's class. Measured by `bench/events.py`.
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, cast

import dagster as dg
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config
from typing_extensions import override

from eval_pipeline.dagster_ext.sqlite_storage import (
    EVALUATIONS,
    batch_kind,
    plans_many_partitions,
    write_evaluations,
)

_CHANGED = (AttributeError, ImportError, TypeError)
"""What is raised if private methods of Dagster have changed."""
_log = logging.getLogger(__name__)


class BatchingPostgresEventLogStorage(PostgresEventLogStorage):
    """Writes a batch of events in one transaction."""

    writes_evaluations_together = True

    @override
    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        for kind, alike in groupby(events, key=batch_kind):
            batch = list(alike)
            if kind is None:
                super().store_event_batch(batch)
                continue
            try:
                self._store_together(batch, evaluations=kind == EVALUATIONS)
            except _CHANGED as error:
                # The transaction was rolled back.
                _log.warning("writing events one by one, which takes longer: %s", error)
                super().store_event_batch(batch)

    @override
    def store_asset_check_event(self, event: dg.EventLogEntry, event_id: int | None) -> None:
        if not plans_many_partitions(event):
            super().store_asset_check_event(event, event_id)

    def _store_together(self, events: list[dg.EventLogEntry], *, evaluations: bool) -> None:
        from dagster._core.storage.event_log.schema import SqlEventLogStorageTable  # noqa: PLC0415 - private: may be missing in a new version

        rows = [self._event_to_row(event) for event in events]
        id_column = SqlEventLogStorageTable.c.id
        insert = SqlEventLogStorageTable.insert().returning(id_column, sort_by_parameter_order=True)
        with self.index_transaction() as connection:
            ids = [cast("int", row[0]) for row in connection.execute(insert, rows)]
            if evaluations:
                write_evaluations(connection, events, ids, [row["event"] for row in rows])
                return
            self._store_asset_event_tags(connection, events, ids)
            latest = {event.get_dagster_event().asset_key: (event, id_) for event, id_ in zip(events, ids, strict=True)}
            # Rows stay locked until the end of the transaction: in any other order, two runs could deadlock.
            for key in sorted(latest, key=str):
                self._store_asset_event(connection, *latest[key])


class BatchingPostgresStorage(DagsterPostgresStorage):
    """Dagster's storage of runs, schedules and events in one database, with the event log above."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,  # noqa: FBT001, FBT002 - as Dagster's
        inst_data: Any = None,
        token_provider: Any = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        self._event_log_storage = BatchingPostgresEventLogStorage(
            postgres_url, should_autocreate_tables, token_provider=token_provider
        )

    @classmethod
    @override
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "BatchingPostgresStorage":
        return cls(
            pg_url_from_config(config_value),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )
