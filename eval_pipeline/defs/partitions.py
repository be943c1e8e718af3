"""The partitions of a suite: one per case, named by its id.

Add here what decides which partitions there are. Keep out what a partition holds. Dagster keeps dynamic partitions in
the order they were added and runs ranges in that order, so keys are added sorted and never re-created; and deleting a
key while a run works on it loses that run's work, so deletions wait until nothing is in flight.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

IN_FLIGHT = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
SUITE_TAG = "eval/suite"
FORGOTTEN_SECONDS = 24 * 3600
"""A run that was killed stays `STARTED` for ever; one without a sign of life for so long counts as ended."""
PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


@dataclass(frozen=True, kw_only=True)
class PartitionChanges:
    """What to do to the registry of partitions."""

    add: tuple[str, ...]
    delete: tuple[str, ...]
    deferred: tuple[str, ...]
    """Keys that will go when nothing is in flight."""


def cases_partitions(suite: str) -> dg.DynamicPartitionsDefinition:
    """The partitions of a suite's cases."""
    return dg.DynamicPartitionsDefinition(name=f"{suite}/cases")


def partition_changes(wanted: Iterable[str], existing: Iterable[str], *, in_flight: bool) -> PartitionChanges:
    """What makes `existing` partitions the `wanted` ones, as far as may be done now."""
    wanted_keys, existing_keys = set(wanted), set(existing)
    gone = tuple(sorted(existing_keys - wanted_keys))
    return PartitionChanges(
        add=tuple(sorted(wanted_keys - existing_keys)),
        delete=() if in_flight else gone,
        deferred=gone if in_flight else (),
    )


def sync_partitions(
    instance: dg.DagsterInstance, suite: str, case_ids: Iterable[str], *, own_run: str | None = None
) -> PartitionChanges:
    """Bring the registry to `case_ids`.

    Args:
        instance: whose registry.
        suite: whose cases.
        case_ids: the keys there are to be.
        own_run: the id of the run that asks, if it has no partitions itself: it does not count as in flight.
    """
    name = cases_partitions(suite).name
    assert name is not None
    changes = partition_changes(
        case_ids, instance.get_dynamic_partitions(name), in_flight=_others_in_flight(instance, suite, own_run)
    )
    if changes.add:
        instance.add_dynamic_partitions(name, list(changes.add))
    for key in changes.delete:
        instance.delete_dynamic_partition(name, key)
    return changes


def range_tags(instance: dg.DagsterInstance, suite: str, case_ids: Sequence[str]) -> dict[str, str]:
    """The tags of a run over the smallest range of the registry that holds `case_ids`, which must be registered."""
    within = in_registry_order(instance, suite, case_ids)
    return {RANGE_START_TAG: within[0], RANGE_END_TAG: within[-1]}


def in_registry_order(instance: dg.DagsterInstance, suite: str, case_ids: Iterable[str]) -> list[str]:
    """Those of `case_ids` that are registered, in the order in which Dagster runs ranges."""
    name = cases_partitions(suite).name
    assert name is not None
    wanted = set(case_ids)
    return [key for key in instance.get_dynamic_partitions(name) if key in wanted]


def _others_in_flight(instance: dg.DagsterInstance, suite: str, own_run: str | None) -> bool:
    records = instance.get_run_records(dg.RunsFilter(statuses=list(IN_FLIGHT)))
    forgotten = time.time() - FORGOTTEN_SECONDS
    return any(
        record.dagster_run.run_id != own_run
        and record.update_timestamp.timestamp() > forgotten
        and concerns(record.dagster_run, suite)
        for record in records
    )


def concerns(run: dg.DagsterRun, suite: str) -> bool:
    """Whether a run works on a suite: by its tag, or by the assets that were chosen in the UI."""
    return run.tags.get(SUITE_TAG) == suite or any(key.path[0] == suite for key in run.asset_selection or ())
