"""Simulated faults: each applies as configured, as often as configured, and the SDK meets it."""

import time

import httpx
import pytest

from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs, stored_ids


@pytest.mark.parametrize("status", [413, 422, 429, 500, 503])
def test_a_status_is_answered_the_given_number_of_times(server: RecorderServer, status: int) -> None:
    server.faults.add(Fault(status=status, times=2, retry_after_s=7, body={"error": "ordered"}))
    answers = [post_runs(server, a_run()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 202]
    assert (answers[0].headers["retry-after"], answers[0].json()) == ("7", {"error": "ordered"})
    assert len(stored_ids(server)) == 1


def test_a_fault_applies_only_to_requests_it_matches(server: RecorderServer) -> None:
    server.faults.add(Fault(status=500, path="/runs/", method="POST", times=None))
    assert httpx.get(f"{server.url}/info").status_code == 200
    assert httpx.post(f"{server.url}/datasets", json={"name": "d"}).status_code == 200
    assert [post_runs(server, a_run()).status_code for _ in range(3)] == [500] * 3
    assert [what for what, _ in server.faults.fired[-3:]] == ["POST /runs/multipart"] * 3
    server.faults.clear()
    assert post_runs(server, a_run()).status_code == 202


def test_a_delay_delays(server: RecorderServer) -> None:
    server.faults.add(Fault(delay_s=0.3))
    start = time.perf_counter()
    assert post_runs(server, a_run()).status_code == 202
    assert time.perf_counter() - start >= 0.3


def test_a_dropped_request_is_not_stored_and_a_dropped_reply_is(server: RecorderServer) -> None:
    runs = {"request": a_run(), "reply": a_run(), "half": a_run()}
    for what, run in runs.items():
        server.faults.add(Fault(drop=what))  # type: ignore[arg-type]  # one of the literals
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            post_runs(server, run)
    assert stored_ids(server) == {runs["reply"]["id"], runs["half"]["id"]}
    assert [post_runs(server, run).status_code for run in runs.values()] == [202, 409, 409]


def test_a_refused_connection_is_broken_before_it_is_read(server: RecorderServer) -> None:
    server.faults.add(Fault(refuse=True, times=2))
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            post_runs(server, a_run())
    assert post_runs(server, a_run()).status_code == 202


def test_a_stopped_server_refuses_and_comes_back_on_its_port(port: int) -> None:
    server = RecorderServer(port=port).start()
    url = server.url
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/info")
    with server:
        assert server.url == url
        assert httpx.get(f"{url}/info").status_code == 200


def test_the_sdk_gets_its_run_through_a_429_and_a_lost_reply(server: RecorderServer) -> None:
    errors: list[Exception] = []
    client = a_client(server, errors)
    assert client.info.version
    server.faults.add(Fault(status=429, retry_after_s=0, path="multipart"))
    server.faults.add(Fault(drop="reply", path="multipart"))
    run = a_run()
    client.create_run(**{**run, "project_name": "plain"})
    client.flush(timeout=10)
    assert stored_ids(server) == {run["id"]}
    assert len(server.faults.fired) >= 2
    assert errors == []
    client.close()


def test_the_sdk_reports_half_an_answer_as_a_failure_though_the_run_was_stored(server: RecorderServer) -> None:
    errors: list[Exception] = []
    client = a_client(server, errors)
    assert client.info.version
    server.faults.add(Fault(drop="half", path="multipart"))
    run = a_run()
    client.create_run(**{**run, "project_name": "plain"})
    client.flush(timeout=10)
    assert stored_ids(server) == {run["id"]}
    assert len(errors) == 1
    client.close()


def test_the_sdk_drops_runs_refused_with_422_and_reports_it(server: RecorderServer) -> None:
    errors: list[Exception] = []
    client = a_client(server, errors)
    assert client.info.version
    server.faults.add(Fault(status=422, path="multipart"))
    client.create_run(**{**a_run(), "project_name": "plain"})
    client.flush(timeout=10)
    assert stored_ids(server) == set()
    assert len(errors) == 1
    client.close()


def test_the_fault_route_is_there_only_when_asked_for() -> None:
    with RecorderServer(config=RecorderConfig(fault_route=True)) as server:
        order = httpx.post(f"{server.url}/recorder/faults", json={"status": 500, "path": "/info", "times": None})
        assert order.status_code == 202
        assert httpx.get(f"{server.url}/info").status_code == 500
        assert httpx.post(f"{server.url}/recorder/faults", json={"clear": True}).status_code == 202
        assert httpx.get(f"{server.url}/info").status_code == 200
        assert httpx.post(f"{server.url}/recorder/faults", json={"colour": "red"}).status_code == 422
