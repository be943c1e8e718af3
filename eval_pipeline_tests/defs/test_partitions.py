"""The partitions of a suite: what is added, what goes, and what waits."""

from collections.abc import Iterator

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.defs.partitions import (
    RANGE_END_TAG,
    RANGE_START_TAG,
    cases_partitions,
    partition_changes,
    range_tags,
    sync_partitions,
)

keys = st.lists(st.sampled_from("abcdef"), max_size=6)


@given(wanted=keys, existing=keys, in_flight=st.booleans())
@settings(max_examples=100, deadline=None)
def test_changes_make_the_existing_partitions_the_wanted_ones(
    wanted: list[str],
    existing: list[str],
    in_flight: bool,  # noqa: FBT001
) -> None:
    changes = partition_changes(wanted, existing, in_flight=in_flight)
    after = (set(existing) | set(changes.add)) - set(changes.delete)
    assert after - set(changes.deferred) == set(wanted)
    assert not set(changes.add) & set(existing)
    assert not set(changes.delete + changes.deferred) & set(wanted)
    assert not (changes.delete if in_flight else changes.deferred)
    for part in (changes.add, changes.delete, changes.deferred):
        assert list(part) == sorted(set(part))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def registered(instance: dg.DagsterInstance) -> list[str]:
    return list(instance.get_dynamic_partitions("sample/cases"))


def a_run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    run = dg.DagsterRun(job_name="j", status=status, tags={"eval/suite": "sample"})
    instance.add_run(run)
    return run


def test_the_registry_is_brought_to_the_cases(instance: dg.DagsterInstance) -> None:
    assert cases_partitions("sample").name == "sample/cases"
    sync_partitions(instance, "sample", ["b", "a"])
    assert registered(instance) == ["a", "b"]
    changes = sync_partitions(instance, "sample", ["b", "c"])
    assert (changes.add, changes.delete, changes.deferred) == (("c",), ("a",), ())
    assert registered(instance) == ["b", "c"]


def test_partitions_stay_while_another_run_is_in_flight(instance: dg.DagsterInstance) -> None:
    sync_partitions(instance, "sample", ["a", "b"])
    own = a_run(instance, dg.DagsterRunStatus.STARTED)
    a_run(instance, dg.DagsterRunStatus.SUCCESS)
    other = a_run(instance, dg.DagsterRunStatus.NOT_STARTED)
    assert sync_partitions(instance, "sample", ["b"], own_run=own.run_id).deferred == ("a",)
    assert registered(instance) == ["a", "b"]
    instance.delete_run(other.run_id)
    assert sync_partitions(instance, "sample", ["b"], own_run=own.run_id).delete == ("a",)


def test_a_range_is_the_smallest_that_holds_the_cases(instance: dg.DagsterInstance) -> None:
    sync_partitions(instance, "sample", list("abcde"))
    assert range_tags(instance, "sample", ["d", "b"]) == {RANGE_START_TAG: "b", RANGE_END_TAG: "d"}
