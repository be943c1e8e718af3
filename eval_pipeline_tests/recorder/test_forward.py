"""Recordings sent on to another endpoint: all of it, once, in the window, with its ids."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.langsmith.protocol.rules import validate_run_post
from eval_pipeline.langsmith.protocol.time_window import delta_for, retime
from eval_pipeline.langsmith.protocol.times import parse_time
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.forward import forward, replay
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.recorder.target import Target, TargetError
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs, stored_ids

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def old_recorder() -> Iterator[RecorderServer]:
    """A recorder that takes old runs and keeps its journal."""
    with RecorderServer(config=RecorderConfig(start_time_window=None, journal_bytes=10_000_000)) as running:
        yield running


def an_experiment(server: RecorderServer, age: timedelta) -> list[str]:
    """A dataset, an experiment with two traces of two runs, feedback; returns the runs' ids."""
    client = a_client(server)
    dataset = client.create_dataset("cases")
    example = client.create_example(dataset_id=dataset.id, inputs={"n": 1}, reference_outputs={"m": 2}, split="smoke")
    project = client.create_project("experiment", reference_dataset_id=dataset.id, metadata={"git": "abc"})
    ids = []
    for number in range(2):
        start = datetime.now(UTC) - age + timedelta(minutes=number)
        event = {"name": "new_token", "time": start.isoformat()}
        root = a_run(start=start, session_name="experiment", reference_example_id=str(example.id), events=[event])
        child = a_run(root, start=start, session_name="experiment", attachments={})
        assert post_runs(server, root, child).status_code == 202
        client.create_feedback(
            run_id=root["id"], session_id=project.id, start_time=start, key="correct", score=number, comment="so"
        )
        ids += [root["id"], child["id"]]
    client.close()
    return ids


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=90)], ids=["today's", "last season's"])
def test_everything_arrives_at_a_strict_recorder_and_twice_is_as_once(
    old_recorder: RecorderServer, server: RecorderServer, age: timedelta
) -> None:
    ids = an_experiment(old_recorder, age)
    with Target(server.url, "key") as target:
        report = forward(old_recorder.recorder, target)
        assert (report.rejected, report.already_there) == ([], 0)
        assert (report.datasets, report.examples, report.runs, report.feedback) == (1, 1, 4, 2)
        again = forward(old_recorder.recorder, target)
    assert (again.rejected, again.runs, again.examples) == ([], 0, 0)
    assert again.already_there >= 5
    assert stored_ids(server) == set(ids)
    client = a_client(server)
    project = client.read_project(project_name="experiment", include_stats=True)
    assert (project.run_count, project.metadata["git"]) == (2, "abc")
    assert (project.feedback_stats or {})["correct"]["avg"] == 0.5
    (example,) = client.list_examples(dataset_name="cases", splits=["smoke"])
    assert example.outputs == {"m": 2}
    sent = server.recorder.runs.get(ids[0])
    moved = datetime.now(UTC) - parse_time(sent["start_time"])
    assert moved < timedelta(hours=24)
    assert sent["events"][0]["time"][:19] == sent["start_time"][:19]
    assert ("recorded_start_time" in ((sent["extra"] or {}).get("metadata") or {})) is (age > timedelta(days=1))
    client.close()


def test_one_bad_run_does_not_keep_the_others_back(old_recorder: RecorderServer, server: RecorderServer) -> None:
    ids = an_experiment(old_recorder, timedelta(hours=1))
    # As it may stand in a database of an earlier version.
    with old_recorder.recorder.database.transaction() as connection:
        connection.execute("UPDATE runs SET run_type = 'agent' WHERE id = ?", (ids[3],))
    with Target(server.url, "key") as target:
        report = forward(old_recorder.recorder, target)
    assert [identity for identity, _ in report.rejected] == [ids[3]]
    assert stored_ids(server) == set(ids[:3])


def test_a_target_that_fails_for_a_while_is_waited_for(old_recorder: RecorderServer, server: RecorderServer) -> None:
    an_experiment(old_recorder, timedelta(hours=1))
    waits: list[float] = []
    server.faults.add(Fault(status=429, retry_after_s=3, path="multipart"))
    server.faults.add(Fault(drop="reply", path="multipart"))
    with Target(server.url, "key", sleep=waits.append) as target:
        report = forward(old_recorder.recorder, target)
        assert report.runs + report.already_there >= 4
        assert report.rejected == []
        assert waits[0] == 3
        server.faults.add(Fault(status=503, times=None))
        with pytest.raises(TargetError, match="503"):
            forward(old_recorder.recorder, target)


def test_the_journal_is_replayed_byte_for_byte(old_recorder: RecorderServer, server: RecorderServer) -> None:
    ids = an_experiment(old_recorder, timedelta(hours=1))
    with Target(server.url, "key") as target:
        answers = replay(old_recorder.recorder.journal.entries(), target)
    assert [status for entry, status in answers if "/runs/" in entry.path] == [202, 202]
    assert stored_ids(server) == set(ids)
    assert server.recorder.runs.get(ids[0])["session_id"] == server.recorder.sessions.named("experiment")


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
