"""Traces that are moved into LangSmith's time window keep their lengths and break no rule."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.langsmith.protocol.rules import validate_run_post
from eval_pipeline.langsmith.protocol.time_window import delta_for, retime
from eval_pipeline.langsmith.protocol.times import parse_time
from eval_pipeline_tests.recorder.frames import a_run

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2026, 11, 20), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis takes the zone apart


@given(moments, st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=23)))
def test_a_moved_trace_breaks_no_rule_and_keeps_its_lengths(oldest: datetime, length: timedelta) -> None:
    root = a_run(start=oldest)
    child = a_run(root, start=oldest + length)
    delta = delta_for(oldest, oldest + length, NOW)
    assert delta is not None
    moved = [retime(run, delta) for run in (root, child)]
    for before, after in zip((root, child), moved, strict=True):
        assert validate_run_post(after, now=NOW) == []
        assert after["id"] == before["id"]
        assert parse_time(after["end_time"]) - parse_time(after["start_time"]) == timedelta(milliseconds=250)
    assert parse_time(moved[1]["start_time"]) - parse_time(moved[0]["start_time"]) == length


def test_no_single_delta_fits_what_is_longer_than_the_window() -> None:
    assert delta_for(NOW - timedelta(days=9), NOW - timedelta(days=7), NOW) is None
