"""Partitions reported many at once: the same events as Dagster's own way, and that way where Dagster has changed."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.dagster_ext import partition_events
from eval_pipeline.dagster_ext.partition_events import FEW, PartitionEvents
from eval_pipeline.errors import TransientError
from eval_pipeline_tests.dagster_homes import dagster_instance

KEYS = [f"k{number:03d}" for number in range(FEW + 10)]
PARTITIONS = dg.DynamicPartitionsDefinition(name="keys")


def _run(instance: dg.DagsterInstance, report: Any) -> dg.DagsterRun:
    @dg.multi_asset(
        name="shown", specs=[dg.AssetSpec("shown", partitions_def=PARTITIONS, skippable=True)], can_subset=True
    )
    def shown(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        report(context, [_materialization(key) for key in context.partition_keys])
        yield from ()

    instance.add_dynamic_partitions("keys", KEYS)
    tags = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[-1]}
    return dg.materialize([shown], instance=instance, tags=tags, raise_on_error=False).dagster_run


def _materialization(key: str) -> dg.AssetMaterialization:
    url = dg.MetadataValue.url("http://x")
    metadata: dict[str, Any] = {"score": 0.5, "passed": 1, "url": url, "text": key}
    return dg.AssetMaterialization("shown", partition=key, metadata=metadata, tags={"dagster/data_version": f"v{key}"})


def _at_once(context: dg.AssetExecutionContext, events: list[dg.AssetMaterialization], **given: Any) -> None:
    arguments: dict[str, Any] = {"step_key": "shown", "expected": len(events), "reported": lambda _: set(), **given}
    PartitionEvents(context, **arguments).report(events)


def _seen(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[Any]:
    """What an event says, but for when and in which words."""
    records = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION, limit=1000
    ).records
    assert instance.get_materialized_partitions(dg.AssetKey("shown")) == set(KEYS)
    entries = sorted((record.event_log_entry for record in records), key=lambda entry: str(entry.asset_materialization))
    return [
        (entry.run_id == run.run_id, entry.step_key, entry.job_name, entry.level, entry.asset_materialization)
        for entry in entries
    ]


def test_events_written_at_once_say_what_dagsters_own_way_says(tmp_path: Path) -> None:
    """Fails when Dagster changes what an event is, or how it is stored."""
    seen = []
    for name, report in (
        ("own", lambda context, events: [context.log_event(one) for one in events]),
        ("ours", _at_once),
    ):
        (tmp_path / name).mkdir()
        with dagster_instance(tmp_path / name) as instance:
            seen.append(_seen(instance, _run(instance, report)))

    own, ours = seen
    assert len(ours) == len(KEYS)
    assert own == ours


def test_where_dagster_has_changed_partitions_are_reported_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(*_: object) -> None:
        raise AttributeError("no such method any more")

    monkeypatch.setattr(partition_events, "store_at_once", changed)
    with dagster_instance(tmp_path) as instance:
        assert len(_seen(instance, _run(instance, _at_once))) == len(KEYS)


def test_a_database_that_is_away_for_a_moment_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_events, "_WAITS_S", (0.0, 0.0))
    store, tries = partition_events.store_at_once, []

    def flaky(context: dg.AssetExecutionContext, step: str, events: list[dg.AssetMaterialization], *rest: Any) -> None:
        tries.append(len(events))
        if len(tries) == 1:
            store(context, step, events[:20], *rest)
            raise sqlite3.OperationalError("the server closed the connection")
        store(context, step, events, *rest)

    monkeypatch.setattr(partition_events, "store_at_once", flaky)

    def report(context: dg.AssetExecutionContext, events: list[dg.AssetMaterialization]) -> None:
        def reported(_: object) -> set[str]:
            return set(context.instance.get_materialized_partitions(dg.AssetKey("shown")))

        _at_once(context, events, reported=reported)

    with dagster_instance(tmp_path) as instance:
        assert len(_seen(instance, _run(instance, report))) == len(KEYS)
    assert tries == [len(KEYS), len(KEYS) - 20]


def test_a_database_that_stays_unreachable_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_events, "_WAITS_S", (0.0,))

    def away(*_: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(partition_events, "store_at_once", away)

    def report(context: dg.AssetExecutionContext, events: list[dg.AssetMaterialization]) -> None:
        with pytest.raises(TransientError, match=r"event log cannot be written.*resume the run"):
            _at_once(context, events)

    with dagster_instance(tmp_path) as instance:
        assert _run(instance, report).is_success


def test_each_event_of_a_batch_has_a_millisecond_of_its_own(tmp_path: Path) -> None:
    with dagster_instance(tmp_path) as instance:
        run = _run(instance, _at_once)
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        records = instance.get_records_for_run(run.run_id, of_type=kind, limit=1000).records
    stamps = [int(record.event_log_entry.timestamp * 1000) for record in records]
    assert len(set(stamps)) == len(KEYS)
    assert stamps == sorted(stamps)
