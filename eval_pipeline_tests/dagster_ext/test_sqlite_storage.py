"""The batching event log: readers see the same as with Dagster's own, whichever of the two wrote."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.dagster_ext.sqlite_storage import BatchingSqliteEventLogStorage

STORAGE = {
    "event_log_storage": {
        "module": "eval_pipeline.dagster_ext.sqlite_storage",
        "class": "BatchingSqliteEventLogStorage",
    }
}
KEYS = [f"k{number:03d}" for number in range(120)]
PARTITIONS = dg.DynamicPartitionsDefinition(name="keys")


@dg.multi_asset(
    name="shown",
    specs=[dg.AssetSpec("shown", partitions_def=PARTITIONS, skippable=True)],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def shown(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    for key in context.partition_keys[:100]:
        tags = {"dagster/data_version": key}
        metadata = {"number": int(key[1:])}
        context.log_event(dg.AssetMaterialization("shown", partition=key, metadata=metadata, tags=tags))
    yield from ()


def _home(folder: Path, overrides: dict[str, Any]) -> dict[str, Any]:
    """What Dagster says after a range run, and after a second one of fewer partitions that fails."""
    with dg.instance_for_test(overrides=overrides, temp_dir=str(folder)) as instance:
        batching = isinstance(instance.event_log_storage, BatchingSqliteEventLogStorage)
        assert batching == bool(overrides)
        instance.add_dynamic_partitions("keys", KEYS)
        tags = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[-1]}
        result = dg.materialize([shown], instance=instance, tags=tags)
        records = instance.fetch_materializations(dg.AssetKey("shown"), limit=1000).records
        run = result.dagster_run.run_id
        planned = instance.get_records_for_run(run, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
        latest = instance.get_latest_materialization_event(dg.AssetKey("shown"))
        return {
            "materialized": sorted(instance.get_materialized_partitions(dg.AssetKey("shown"))),
            "records": sorted(
                (str(record.partition_key), record.asset_materialization.metadata["number"].value)
                for record in records
                if record.asset_materialization
            ),
            "versions": {
                record.partition_key: (record.asset_materialization.tags or {})["dagster/data_version"]
                for record in records
                if record.asset_materialization
            },
            "planned": len(planned.records),
            "known": [key.to_user_string() for key in instance.all_asset_keys()],
            "latest": latest is not None and latest.asset_materialization is not None,
        }


def test_readers_see_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "50")
    for name in ("own", "batching"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "batching"))

    assert _home(tmp_path / "batching", STORAGE) == _home(tmp_path / "own", {})


def _events(run_id: str, count: int) -> list[dg.EventLogEntry]:
    from dagster._core.events import StepMaterializationData  # noqa: PLC0415 - what the engine itself writes

    return [
        dg.EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            level=10,
            user_message="",
            run_id=run_id,
            timestamp=time.time(),
            step_key="s",
            job_name="j",
            dagster_event=dg.DagsterEvent(
                event_type_value="ASSET_MATERIALIZATION",
                job_name="j",
                step_key="s",
                event_specific_data=StepMaterializationData(
                    dg.AssetMaterialization("a" if number % 2 else "b", partition=f"p{number}", metadata={"n": number})
                ),
            ),
        )
        for number in range(count)
    ]


def test_a_thousand_events_are_a_few_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.instance_for_test(overrides=STORAGE, temp_dir=str(tmp_path)) as instance:
        storage: Any = instance.event_log_storage
        run = instance.create_run_for_job(dg.define_asset_job("j", [shown]).resolve(asset_graph=_graph()))
        opened: list[str] = []
        connect = storage._connect

        def counted(shard: str) -> Any:
            opened.append(shard)
            return connect(shard)

        monkeypatch.setattr(storage, "_connect", counted)

        storage.store_event_batch(_events(run.run_id, 1000))

        assert opened == [run.run_id, "index"]
        for name, last in (("a", "p999"), ("b", "p998")):
            record = instance.get_latest_materialization_event(dg.AssetKey(name))
            assert record is not None
            assert record.asset_materialization is not None
            assert record.asset_materialization.partition == last
            assert len(instance.get_materialized_partitions(dg.AssetKey(name))) == 500


def _graph() -> Any:
    return dg.Definitions(assets=[shown]).resolve_asset_graph()


def test_dagsters_own_class_reads_what_this_one_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    written = _home(tmp_path, STORAGE)
    assert (tmp_path / "history" / "runs" / "index.db").exists()

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert sorted(instance.get_materialized_partitions(dg.AssetKey("shown"))) == written["materialized"]
