"""Recordings forwarded to another endpoint: all of it, once, within the time window, with its ids."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from eval_pipeline.langsmith.protocol.times import parse_time
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.endpoint import Endpoint, EndpointError
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.forward import forward
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import a_client, an_experiment, stored_ids

HEADERS = {"x-api-key": "key"}


@pytest.fixture
def old_recorder() -> Iterator[RecorderServer]:
    """A recorder that accepts old runs."""
    with RecorderServer(config=RecorderConfig(start_time_window=None)) as running:
        yield running


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=90)], ids=["today's", "last season's"])
def test_everything_arrives_at_a_strict_recorder_and_forwarding_again_sends_nothing_twice(
    old_recorder: RecorderServer, server: RecorderServer, age: timedelta
) -> None:
    ids = an_experiment(old_recorder, age)
    with Endpoint(server.url, HEADERS) as endpoint:
        report = forward(old_recorder.recorder, endpoint)
        assert (report.rejected, report.already_there) == ([], 0)
        assert (report.datasets, report.examples, report.runs, report.feedback) == (1, 1, 4, 2)
        again = forward(old_recorder.recorder, endpoint)
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


def test_one_invalid_run_does_not_keep_the_others_back(old_recorder: RecorderServer, server: RecorderServer) -> None:
    ids = an_experiment(old_recorder, timedelta(hours=1))
    # As it may stand in a database of an earlier version.
    with old_recorder.recorder.database.transaction() as connection:
        connection.execute("UPDATE runs SET run_type = 'agent' WHERE id = ?", (ids[3],))
    with Endpoint(server.url, HEADERS) as endpoint:
        report = forward(old_recorder.recorder, endpoint)
    assert [identity for identity, _ in report.rejected] == [ids[3]]
    assert stored_ids(server) == set(ids[:3])


def test_an_endpoint_that_fails_for_a_while_is_retried(old_recorder: RecorderServer, server: RecorderServer) -> None:
    an_experiment(old_recorder, timedelta(hours=1))
    waits: list[float] = []
    server.faults.add(Fault(status=429, retry_after_s=3, path="multipart"))
    server.faults.add(Fault(drop="reply", path="multipart"))
    with Endpoint(server.url, HEADERS, sleep=waits.append) as endpoint:
        report = forward(old_recorder.recorder, endpoint)
        assert report.runs + report.already_there >= 4
        assert report.rejected == []
        assert waits[0] == 3
        server.faults.add(Fault(status=503, times=None))
        with pytest.raises(EndpointError, match="503"):
            forward(old_recorder.recorder, endpoint)
