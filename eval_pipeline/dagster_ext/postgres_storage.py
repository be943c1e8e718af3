"""Postgres's storage, whose event log takes planned events at once: Dagster's own opens three connections for each.

Dagster's class writes materializations many at a time, and the events that say what a run plans one by one.
`dagster.yaml` names ours under `storage: {custom: …}`, which is how Dagster means a storage to be changed. What it
builds on is public, but for the methods that make an event's rows: there is no other way to make the same rows. Where
Dagster has changed its own way is left, which takes minutes for 10,000 partitions; a test notices. Tables stay as they
are, so that `storage: {postgres: …}` goes back to Dagster's own. Measured by `bench/events.py`.
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, cast

import dagster as dg
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config
from typing_extensions import override

from eval_pipeline.dagster_ext.sqlite_storage import stored_together

_CHANGED = (AttributeError, ImportError, TypeError)
"""What Dagster's inside raises where it looks different."""
_log = logging.getLogger(__name__)


class BatchingPostgresEventLogStorage(PostgresEventLogStorage):
    """A batch is one transaction."""

    @override
    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        for together, alike in groupby(events, key=stored_together):
            found = list(alike)
            if not together:
                super().store_event_batch(found)
                continue
            try:
                self._store_together(found)
            except _CHANGED as error:
                # The transaction was rolled back: nothing of it is there.
                _log.warning("events are stored in Dagster's own way, which takes longer: %s", error)
                super().store_event_batch(found)

    def _store_together(self, events: list[dg.EventLogEntry]) -> None:
        from dagster._core.storage.event_log.schema import SqlEventLogStorageTable  # noqa: PLC0415 - private, may be gone

        rows = [self._event_to_row(event) for event in events]
        id_column = SqlEventLogStorageTable.c.id
        insert = SqlEventLogStorageTable.insert().returning(id_column, sort_by_parameter_order=True)
        with self.index_transaction() as connection:
            ids = [cast("int", row[0]) for row in connection.execute(insert, rows)]
            self._store_asset_event_tags(connection, events, ids)
            latest = {event.get_dagster_event().asset_key: (event, id_) for event, id_ in zip(events, ids, strict=True)}
            # Rows are held until the end: taken in any order, two runs of the same assets could wait for each other.
            for key in sorted(latest, key=str):
                self._store_asset_event(connection, *latest[key])


class BatchingPostgresStorage(DagsterPostgresStorage):
    """Runs, schedules and events in one database, as Dagster's own, with the event log above."""

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
