"""The published rules, one by one, without a server."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.langsmith.protocol.dotted_order import (
    DottedOrderError,
    DottedOrderStep,
    format_step,
    parse_dotted_order,
)
from eval_pipeline.langsmith.protocol.rules import validate_feedback, validate_run_patch, validate_run_post
from eval_pipeline.langsmith.protocol.times import TimeError, parse_time
from eval_pipeline_tests.langsmith.run_id_advice import run_id_advice
from eval_pipeline_tests.recorder.frames import a_run

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
moments = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis takes the zone apart
steps = st.builds(DottedOrderStep, start_time=moments, run_id=st.uuids().map(str))


@given(st.lists(steps, min_size=1, max_size=6))
def test_a_dotted_order_is_read_as_it_was_written(path: list[DottedOrderStep]) -> None:
    assert parse_dotted_order(".".join(map(format_step, path))) == tuple(path)


@given(st.text(max_size=80))
def test_no_text_makes_the_parser_fail_other_than_with_its_own_error(text: str) -> None:
    with suppress(DottedOrderError):
        assert ".".join(map(format_step, parse_dotted_order(text))).lower() == text.lower()


@given(moments, st.lists(st.integers(min_value=0, max_value=10**9), max_size=5))
def test_a_chain_of_runs_that_start_one_after_the_other_breaks_no_rule(start: datetime, steps: list[int]) -> None:
    run = a_run(start=start)
    for step in steps:
        start += timedelta(microseconds=step)
        run = a_run(run, start=start)
    assert validate_run_post(run, now=start) == []
    assert run_id_advice(run) == []


@given(moments, st.integers(min_value=1, max_value=10**12))
def test_a_child_that_starts_before_its_parent_is_refused(start: datetime, early: int) -> None:
    parent = a_run(start=start + timedelta(microseconds=early))
    (violation,) = validate_run_post(a_run(parent, start=start), now=start, window=None)
    assert violation.rule == "parent"
    assert violation.body["detail"].startswith(f"dotted_order has timestamp {start:%Y-%m-%d %H:%M:%S.%f} earlier than")
    assert violation.status == 400


OTHER = "018f0000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("change", "rule", "status", "text"),
    [
        ({"id": "my-id"}, "id", 422, "error parsing run for post.my-id: schema validation failed: id: Must validate"),
        ({"run_type": "agent"}, "run_type", 422, "run_type: 'agent' is not one of"),
        ({"name": None}, "required", 422, "name is required"),
        ({"dotted_order": None}, "required", 422, "dotted_order is required"),
        ({"start_time": "yesterday"}, "time", 422, "start_time: invalid time 'yesterday'"),
        ({"trace_id": OTHER}, "dotted_order", 400, f"trace_id {OTHER} does not match first part of dotted_order"),
        ({"parent_run_id": OTHER}, "dotted_order", 400, "must contain at least two parts for child runs"),
        ({"trace_id": "trace"}, "id", 422, "trace_id: invalid UUID"),
        ({"dotted_order": "20261399T000000000000Z" + OTHER}, "dotted_order", 400, "invalid timestamp in dotted_order"),
    ],
)
def test_each_broken_rule_gives_its_published_answer(change: dict[str, Any], rule: str, status: int, text: str) -> None:
    (violation,) = validate_run_post({**a_run(start=NOW), **change}, now=NOW)
    assert (violation.rule, violation.status) == (rule, status)
    assert text in violation.message


def test_a_root_with_two_segments_is_refused() -> None:
    child = a_run(a_run(start=NOW))
    (violation,) = validate_run_post({**child, "parent_run_id": None}, now=NOW)
    assert "dotted_order must contain a single part for root runs for run_id:" in violation.message
    assert violation.message.endswith("parent_run_id:None")


def test_a_child_whose_order_names_another_parent_is_refused() -> None:
    (violation,) = validate_run_post({**a_run(a_run(start=NOW)), "parent_run_id": OTHER}, now=NOW)
    assert f"parent_run_id {OTHER} does not match second to last part" in violation.message


def test_an_order_that_ends_in_another_run_is_refused() -> None:
    run = a_run(start=NOW)
    order = run["dotted_order"].replace(run["id"], OTHER)
    (violation,) = validate_run_post({**run, "trace_id": OTHER, "dotted_order": order}, now=NOW)
    assert "does not match last part" in violation.message


@pytest.mark.parametrize("age", [timedelta(hours=24, seconds=1), timedelta(hours=-24, seconds=-1)])
def test_a_run_outside_of_the_window_is_refused_unless_the_window_is_off(age: timedelta) -> None:
    run = a_run(start=NOW - age)
    (violation,) = validate_run_post(run, now=NOW)
    assert "RUN_POST_START_TIME_WINDOW_HOURS=24" in violation.message
    assert "RUN_PATCH_START_TIME_WINDOW_HOURS=24" in validate_run_patch(run, now=NOW)[0].message
    assert validate_run_post(run, now=NOW, window=None) == []


def test_a_patch_needs_no_more_than_its_id() -> None:
    assert validate_run_patch({"id": str(uuid4())}, now=NOW) == []


def test_advice_names_an_id_whose_time_is_not_the_start() -> None:
    run = a_run(start=NOW)
    assert (
        "differs from start_time" in run_id_advice({**run, "start_time": (NOW + timedelta(seconds=1)).isoformat()})[0]
    )
    assert "not a UUIDv7" in run_id_advice({**run, "id": str(uuid4())})[0]


@pytest.mark.parametrize("key", ["", None, "k" * 181])
def test_a_feedback_key_has_1_to_180_characters(key: str | None) -> None:
    assert validate_feedback({"key": key})[0].status == 422
    assert validate_feedback({"key": "k" * 180}) == []


@pytest.mark.parametrize("value", ["noon", True, None, [], 10**400])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(TimeError):
        parse_time(value)


def test_a_time_without_offset_is_utc() -> None:
    assert parse_time("2026-11-20T12:00:00") == parse_time("2026-11-20T13:00:00+01:00") == NOW
    assert parse_time(NOW.timestamp() * 1000) == NOW
