"""A check with an outcome for each partition, written many at once: the same as Dagster's own way to store it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.dagster_ext import partition_events
from eval_pipeline.dagster_ext.partition_checks import PartitionEvaluation, partitioned_check_spec
from eval_pipeline.dagster_ext.partition_events import PartitionEvents
from eval_pipeline_tests.dagster_ext.test_sqlite_storage import STORAGE

KEYS = [f"k{number:03d}" for number in range(120)]
PARTITIONS = dg.DynamicPartitionsDefinition(name="keys")
CHECK = dg.AssetCheckKey(dg.AssetKey("shown"), "passed")


@dg.multi_asset(
    name="shown",
    specs=[dg.AssetSpec("shown", partitions_def=PARTITIONS, skippable=True)],
    check_specs=[
        partitioned_check_spec(
            "passed", asset=dg.AssetKey("shown"), partitions_def=PARTITIONS, description="It passed."
        )
    ],
    can_subset=True,
)
def shown(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    keys = list(context.partition_keys)
    events = PartitionEvents(context, step_key="shown", expected=len(keys), reported=lambda _: set())
    events.report(
        [dg.AssetMaterialization("shown", partition=key) for key in keys],
        check=CHECK,
        evaluations=[
            PartitionEvaluation(
                partition=key,
                passed=int(key[1:]) % 3 > 0,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"about {key}",
                metadata={"number": dg.MetadataValue.int(int(key[1:]))},
            )
            for key in keys
        ],
    )
    yield from ()


def run(instance: dg.DagsterInstance, first: str, last: str) -> dg.ExecuteInProcessResult:
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return dg.materialize([shown], instance=instance, tags=tags)


def states(instance: dg.DagsterInstance) -> list[tuple[str | None, str, bool]]:
    infos = instance.event_log_storage.get_asset_check_partition_info([CHECK])
    return sorted((str(each.partition_key), each.latest_execution_status.value, each.is_current) for each in infos)


def seen(folder: Path, overrides: dict[str, Any]) -> Any:
    """What Dagster shows after a run over all partitions, and after a second one over a few."""
    with dg.instance_for_test(overrides=overrides, temp_dir=str(folder)) as instance:
        instance.add_dynamic_partitions("keys", KEYS)
        first = run(instance, KEYS[0], KEYS[-1])
        after_all = states(instance)
        run(instance, KEYS[9], KEYS[9])
        latest = instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=1)[0].event
        assert latest is not None
        evaluation = latest.get_dagster_event().asset_check_evaluation_data
        written = instance.get_records_for_run(
            first.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION, limit=1000
        )
        return (
            after_all,
            states(instance),
            len(written.records),
            (evaluation.partition, evaluation.passed, evaluation.severity, evaluation.description, evaluation.metadata),
        )


def test_readers_see_no_difference_to_dagsters_own_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("own", "batching"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "batching"))

    own, batching = seen(tmp_path / "own", {}), seen(tmp_path / "batching", STORAGE)

    assert own == batching
    after_all, after_some, written, evaluation = batching
    assert (len(after_all), len(after_some), written) == (120, 120, 120)
    assert [status for _, status, _ in after_all].count("FAILED") == 40
    assert all(current for _, _, current in after_some)
    assert evaluation[:2] == ("k009", False)


def test_where_dagster_has_changed_partitions_are_reported_without_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(*_: object) -> None:
        raise AttributeError("no such method any more")

    monkeypatch.setattr(partition_events, "store_evaluations", changed)
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        instance.add_dynamic_partitions("keys", KEYS)
        assert run(instance, KEYS[0], KEYS[9]).success
        assert instance.get_materialized_partitions(dg.AssetKey("shown")) == set(KEYS[:10])
