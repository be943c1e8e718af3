"""The batching storage on Postgres: the same rows as Dagster's own, and no difference for readers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as db

from eval_pipeline.dagster_ext.partition_events import PartitionEvents
from eval_pipeline.dagster_ext.postgres_storage import BatchingPostgresEventLogStorage
from eval_pipeline_tests.postgres import Postgres, running_postgres

KEYS = [f"k{number:03d}" for number in range(70)]
DONE = KEYS[:60]
PARTITIONS = dg.DynamicPartitionsDefinition(name="keys")
ASSET = dg.AssetKey("shown")
_EVENTS = """
    SELECT event.id, dagster_event_type, step_key, event.asset_key, partition, event.event FROM event_logs AS event
    WHERE event.asset_key IS NOT NULL ORDER BY id
"""
_TAGS = """
    SELECT partition, tag.asset_key, tag.key, tag.value FROM asset_event_tags AS tag
    JOIN event_logs AS event ON event.id = tag.event_id ORDER BY event.id, tag.key
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage."""
    (tmp_path / "own").mkdir()
    with running_postgres(tmp_path / "own" / "postgres") as server:
        yield from _instance(tmp_path / "own", server.overrides)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    (tmp_path / "ours").mkdir()
    with running_postgres(tmp_path / "ours" / "postgres") as running:
        yield running


@pytest.fixture
def ours(tmp_path: Path, server: Postgres) -> Iterator[dg.DagsterInstance]:
    """The storage of ours."""
    yield from _instance(tmp_path / "ours", server.batching_overrides)


def _instance(folder: Path, overrides: dict[str, Any]) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(folder), overrides=overrides) as instance:
        yield instance


def _run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A range run that reports most of its partitions, and fails."""

    @dg.multi_asset(name="shown", specs=[dg.AssetSpec(ASSET, partitions_def=PARTITIONS, skippable=True)])
    def shown(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        events = PartitionEvents(context, step_key="shown", expected=len(DONE), reported=lambda _: set())
        events.report(
            [
                dg.AssetMaterialization(
                    ASSET, partition=key, metadata={"number": int(key[1:])}, tags={"dagster/data_version": f"v{key}"}
                )
                for key in DONE
            ]
        )
        raise dg.Failure("the rest is not done")
        yield from ()

    instance.add_dynamic_partitions("keys", KEYS)
    tags = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[-1]}
    return dg.materialize([shown], instance=instance, tags=tags, raise_on_error=False).dagster_run


def _rows(instance: dg.DagsterInstance) -> dict[str, list[Any]]:
    """What is in the tables, but for times, and the names of runs and files."""
    engine = db.create_engine(instance.event_log_storage.postgres_url)  # type: ignore[attr-defined]
    (run,) = instance.get_run_ids()
    with engine.connect() as connection:
        events = connection.execute(db.text(_EVENTS)).all()
        number = {row.id: index for index, row in enumerate(events)}
        tags = [tuple(row) for row in connection.execute(db.text(_TAGS))]
        assets = connection.execute(
            db.text("SELECT asset_key, last_run_id, last_materialization FROM asset_keys")
        ).all()
    engine.dispose()

    def clean(text: str) -> str:
        text = re.sub(r'"timestamp": [\d.]+', "", text.replace(run, "RUN"))
        return re.sub(r'"storage_id": (\d+)', lambda stored: f"number {number[int(stored[1])]}", text)

    return {
        "events": [(*row[1:5], clean(row.event)) for row in events],
        "tags": tags,
        "assets": [(row.asset_key, row.last_run_id == run, clean(row.last_materialization)) for row in assets],
    }


def _read(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, Any]:
    """What Dagster says of the partitions."""
    latest = instance.get_latest_materialization_event(ASSET)
    assert latest is not None
    assert latest.asset_materialization is not None
    planned = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    tags = instance.event_log_storage.get_latest_tags_by_partition(
        ASSET, dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
    )
    return {
        "status": instance.get_status_by_partition(ASSET, KEYS, PARTITIONS),
        "materialized": instance.get_materialized_partitions(ASSET),
        "tags": tags,
        "planned": len(planned.records),
        "latest": latest.asset_materialization,
        "known": instance.all_asset_keys(),
        "run": run.status,
    }


def test_rows_and_readers_are_those_of_dagsters_own(
    own: dg.DagsterInstance, ours: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Fails when Dagster changes what a row is, or reads rows in another way."""
    expected = _read(own, _run(own)), _rows(own)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "50")
    stored = _read(ours, _run(ours)), _rows(ours)

    assert isinstance(ours.event_log_storage, BatchingPostgresEventLogStorage)
    assert stored == expected
    assert "takes longer" not in caplog.text
    read, rows = stored
    statuses = [str(read["status"][key].value) for key in KEYS]
    assert statuses == ["MATERIALIZED"] * len(DONE) + ["FAILED"] * (len(KEYS) - len(DONE))
    assert len(rows["events"]) == len(KEYS) + len(DONE)
    assert ("k007", '["shown"]', "dagster/data_version", "vk007") in rows["tags"]


def _planned(run_id: str, count: int, asset: dg.AssetKey = ASSET) -> list[dg.EventLogEntry]:
    from dagster._core.events import AssetMaterializationPlannedData  # noqa: PLC0415 - what the engine itself writes

    return [
        dg.EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            level=10,
            user_message="",
            run_id=run_id,
            timestamp=float(number),
            step_key="shown",
            job_name="j",
            dagster_event=dg.DagsterEvent(
                event_type_value="ASSET_MATERIALIZATION_PLANNED",
                job_name="j",
                step_key="shown",
                event_specific_data=AssetMaterializationPlannedData(asset, partition=f"p{number}"),
            ),
        )
        for number in range(count)
    ]


def test_a_thousand_planned_events_are_a_few_connections(
    ours: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage: Any = ours.event_log_storage
    # Is asked once a process, and kept.
    storage.store_event_batch(_planned("warm", 2))
    opened, connect = [], storage._connect

    def counted() -> Any:
        opened.append(1)
        return connect()

    monkeypatch.setattr(storage, "_connect", counted)

    storage.store_event_batch(_planned("run", 1000))

    assert len(opened) == 1
    assert len(ours.all_logs("run", of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)) == 1000


def test_runs_take_the_rows_of_assets_in_one_order_so_that_none_waits_for_the_other(
    ours: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage: Any = ours.event_log_storage
    taken, store = [], storage._store_asset_event

    def broken(connection: Any, event: dg.EventLogEntry, event_id: int) -> None:
        key = event.get_dagster_event().asset_key
        assert key is not None
        taken.append((key.to_user_string(), event_id))
        store(connection, event, event_id)

    monkeypatch.setattr(storage, "_store_asset_event", broken)
    one, other = _planned("run", 2, dg.AssetKey("one")), _planned("run", 2, dg.AssetKey("other"))

    storage.store_event_batch([*other, *one, *other])
    ids = [record.storage_id for record in ours.get_records_for_run("run").records]

    assert taken == [("one", ids[3]), ("other", ids[5])]


def test_where_dagster_has_changed_events_are_stored_in_its_own_way(
    ours: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def changed(*_: object, **__: object) -> None:
        raise AttributeError("no such method any more")

    monkeypatch.setattr(BatchingPostgresEventLogStorage, "_store_together", changed)

    ours.event_log_storage.store_event_batch(_planned("run", 20))

    assert len(ours.all_logs("run", of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)) == 20
    assert "takes longer: no such method any more" in caplog.text


def test_a_batch_that_fails_leaves_nothing_half_done(ours: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("the server closed the connection")

    monkeypatch.setattr(ours.event_log_storage, "_store_asset_event", broken)
    with pytest.raises(OSError, match="closed"):
        ours.event_log_storage.store_event_batch(_planned("run", 20))

    assert ours.all_logs("run") == []


def test_dagsters_own_class_goes_on_where_this_one_stopped(
    tmp_path: Path, server: Postgres, ours: dg.DagsterInstance
) -> None:
    run = _run(ours)
    expected = _read(ours, run)
    (tmp_path / "back").mkdir()

    with dg.instance_for_test(temp_dir=str(tmp_path / "back"), overrides=server.overrides) as back:
        assert _read(back, run) == expected
