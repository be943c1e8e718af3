"""The partitions of a suite: one for each case, with the case's id as its key.

Dagster keeps dynamic partitions in the order in which they were added, and runs ranges in that order, so keys are added
sorted and never created again. Deleting a key while a run works on it loses that run's work, so keys are deleted when
no run of the suite is in progress.
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
"""A killed run stays `STARTED` indefinitely; a run without an event for this long counts as ended."""
PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


@dataclass(frozen=True, kw_only=True)
class PartitionChanges:
    """How to change the registered partitions."""

    add: tuple[str, ...]
    delete: tuple[str, ...]
    deferred: tuple[str, ...]
    """Keys to delete when no run is in progress."""


def cases_partitions(suite: str) -> dg.DynamicPartitionsDefinition:
    """The partitions of a suite's cases."""
    return dg.DynamicPartitionsDefinition(name=f"{suite}/cases")


def partition_changes(case_ids: Iterable[str], existing: Iterable[str], *, in_flight: bool) -> PartitionChanges:
    """The changes that turn the existing partitions into those of `case_ids`; no deletions while a run is in flight."""
    new_keys, existing_keys = set(case_ids), set(existing)
    removed = tuple(sorted(existing_keys - new_keys))
    return PartitionChanges(
        add=tuple(sorted(new_keys - existing_keys)),
        delete=() if in_flight else removed,
        deferred=removed if in_flight else (),
    )


def sync_partitions(
    instance: dg.DagsterInstance, suite: str, case_ids: Iterable[str], *, own_run: str | None = None
) -> PartitionChanges:
    """Register the partitions of `case_ids` and delete all others of the suite.

    Args:
        instance: where partitions are registered.
        suite: the name of the suite.
        case_ids: the keys.
        own_run: the id of the calling run if it has no partitions: it does not count as in flight.
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
    """The tags of a run over the smallest range of partitions that includes `case_ids`, which must be registered."""
    within = in_registry_order(instance, suite, case_ids)
    return {RANGE_START_TAG: within[0], RANGE_END_TAG: within[-1]}


def in_registry_order(instance: dg.DagsterInstance, suite: str, case_ids: Iterable[str]) -> list[str]:
    """The registered `case_ids`, in the order in which Dagster runs ranges."""
    name = cases_partitions(suite).name
    assert name is not None
    selected = set(case_ids)
    return [key for key in instance.get_dynamic_partitions(name) if key in selected]


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
    """Whether a run is of a suite, by its tag or by the assets selected in the UI."""
    return run.tags.get(SUITE_TAG) == suite or any(key.path[-2:-1] == [suite] for key in run.asset_selection or ())
