"""Streams over real HTTP, read by curl: events, heartbeats, errors, and clients that disconnect."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from eval_pipeline.api.catalog import Catalog
from eval_pipeline.api.server import serve_in_thread
from eval_pipeline.errors import InputError, PermanentError

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
BEGAN_S = 20.0


def curl(url: str, path: str, body: dict[str, Any]) -> "subprocess.Popen[str]":
    command = ["curl", "--silent", "--no-buffer", "-H", "content-type: application/json", "-d", json.dumps(body)]
    return subprocess.Popen([*command, f"{url}{path}"], stdout=subprocess.PIPE, text=True)


def read(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def post(url: str, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = httpx.post(f"{url}{path}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return read(answer.text)


def one(url: str, case: Any, **fields: Any) -> list[dict[str, Any]]:
    return post(url, "/api/eval/stream", {"suite": "sample", "case": case, **fields})


def wait_for(file: Path, text: str, seconds: float) -> float:
    """The seconds until the content of `file` is `text`."""
    started = time.monotonic()
    while not (file.exists() and file.read_text() == text):
        assert time.monotonic() - started < seconds, f"{file.name} never was {text}"
        time.sleep(0.01)
    return time.monotonic() - started


@needs_curl
def test_curl_reads_a_case_as_it_happens(url: str) -> None:
    out, _ = curl(url, "/api/eval/stream", {"suite": "sample", "case_id": "hello"}).communicate(timeout=60)
    events = read(out)
    assert [event["event"] for event in events if event.get("type") != "token"] == [
        "started",
        "user_input",
        "turn_event",
        "turn_event",
        "agent_response",
        "assertion_result",
        "eval_completed",
        "completed",
    ]
    assert "".join(event["content"] for event in events if event.get("type") == "token") == "You said hello"
    assert events[-1]["status"] == "passed"


@needs_curl
@pytest.mark.parametrize("batch", [False, True])
def test_a_client_that_disconnects_ends_the_evaluation_within_a_second(url: str, suite: Path, *, batch: bool) -> None:
    path, body = "/api/eval/stream", {"suite": "sample", "case_id": "waits-0"}
    if batch:
        path, body = "/api/batch/stream", {"suite": "sample", "cases": ["waits-0", "waits-1"]}  # type: ignore[dict-item]
    reading = curl(url, path, body)
    assert reading.stdout is not None
    with reading.stdout:
        wait_for(suite / "waits-0", "began", BEGAN_S)
        assert reading.stdout.readline().startswith("data: ")
        reading.kill()
        took = wait_for(suite / "waits-0", "cancelled", 10)
    reading.wait()
    assert took < 1.0
    if batch:
        wait_for(suite / "waits-1", "cancelled", 1)


@needs_curl
def test_a_comment_is_sent_while_there_are_no_events(url: str) -> None:
    reading = curl(url, "/api/eval/stream", {"suite": "sample", "case_id": "waits-2"})
    assert reading.stdout is not None
    with reading.stdout:
        assert ": heartbeat\n" in [reading.stdout.readline() for _ in range(8)]
    reading.kill()
    reading.wait()


def test_the_url_is_printed_once_the_port_is_bound(suite: Path) -> None:
    program = "from eval_pipeline.cli.main import program; program()"
    command = [sys.executable, "-c", program, "serve", str(suite), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            url = server.stderr.readline().split(" ")[0]
            assert one(url, "hello")[-1]["status"] == "passed"
        finally:
            server.terminate()


@needs_curl
def test_a_target_that_blocks_its_loop_does_not_block_other_requests(url: str, suite: Path) -> None:
    reading = curl(url, "/api/eval/stream", {"suite": "sample", "case_id": "blocks"})
    assert reading.stdout is not None
    with reading.stdout:
        try:
            wait_for(suite / "blocks", "began", BEGAN_S)
            assert ": heartbeat\n" in [reading.stdout.readline() for _ in range(8)]
            assert httpx.get(f"{url}/api/suites", timeout=60).status_code == 200
        finally:
            (suite / "go-on").touch()
        assert '"event": "completed"' in reading.stdout.read()
    reading.wait()


def test_a_target_that_exits_leaves_the_server_running(url: str) -> None:
    assert "called sys.exit(7)" in one(url, "exits")[-1]["message"]
    assert one(url, "hello")[-1]["status"] == "passed"


def test_a_batch_reports_each_case_as_it_completes(url: str) -> None:
    body = {"suite": "sample", "cases": ["hello", "breaks", {"id": "own", "input": "mine"}], "max_concurrency": 2}
    events = post(url, "/api/batch/stream", body)
    assert [event["event"] for event in events] == ["batch_started", *["test_completed"] * 3, "batch_completed"]
    assert {event["name"]: event["status"] for event in events[1:-1]} == {
        "hello": "passed",
        "breaks": "error",
        "own": "unscored",
    }
    assert [events[-1][name] for name in ("passed", "unscored", "error", "total")] == [1, 1, 1, 3]


def test_runtime_options_reach_the_target(url: str) -> None:
    events = one(url, {"id": "x", "input": "hi"}, runtime={"model": "m"})
    assert [event["content"] for event in events if event["event"] == "agent_response"] == ["You said hi to m"]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("unknown", "no case 'unknown'"),
        ("breaks", "no luck"),
        ("unreachable", "the store is unreachable"),
        ({"id": "x"}, "has no input for the target"),
        ({"id": "x", "input": "a", "assertions": [{"type": "python", "path": "os:system"}]}, "may not name code"),
        ({"id": "x", "simulation": {"script": "os:system"}}, "may not name code"),
        ({"id": "x", "input": "a", "runtime": {"model": "os.path:exists"}}, "may not name code"),
    ],
)
def test_an_error_is_an_error_event(url: str, case: Any, message: str) -> None:
    last = one(url, case)[-1]
    assert last["event"] == "error"
    assert message in last["message"]


def test_an_error_event_has_no_personal_data(url: str) -> None:
    (refused,) = one(url, "ann@example.com")
    assert refused["message"].count("[redacted:email]") == 1
    assert "ann@" not in refused["message"]


def test_a_suite_that_is_not_offered_is_an_error_event(url: str) -> None:
    for name in ("support_desk", "../suite", "/etc"):
        (event,) = post(url, "/api/eval/stream", {"suite": name, "case": "hello"})
        assert (event["event"], "no suite" in event["message"]) == ("error", True)
    (refused,) = one(url, "hello", runtime={"model": "os.path:exists"})
    assert "may not name code" in refused["message"]


@pytest.mark.parametrize(
    "body", [{}, {"suite": "sample"}, {"suite": "sample", "case": "a", "case_id": "b"}, {"suite": "sample", "cases": 1}]
)
def test_a_body_that_cannot_be_read_is_refused(url: str, body: dict[str, Any]) -> None:
    assert httpx.post(f"{url}/api/eval/stream", json=body).status_code == 422


def test_a_page_of_another_origin_can_start_no_evaluation(url: str) -> None:
    body = json.dumps({"suite": "sample", "case": "hello"})
    kinds = {"content-type": "text/plain"}
    assert httpx.post(f"{url}/api/eval/stream", content=body, headers=kinds).status_code == 415
    origin = {"content-type": "application/json", "origin": "http://evil.example"}
    assert httpx.post(f"{url}/api/eval/stream", content=body, headers=origin).status_code == 403
    assert httpx.get(f"{url}/api/suites", headers={"host": "evil.example"}).status_code == 421


def test_the_suites_and_their_cases_are_listed(url: str) -> None:
    (suite,) = httpx.get(f"{url}/api/suites").json()
    assert (suite["name"], suite["target"], suite["problems"]) == ("sample", "python", [])
    assert [case["id"] for case in suite["cases"]][:2] == ["blocks", "breaks"]


def test_beyond_loopback_a_token_is_required(suite: Path) -> None:
    with pytest.raises(InputError, match="give --token"), serve_in_thread(Catalog([suite]), host="0.0.0.0"):
        pass
    with serve_in_thread(Catalog([suite]), token="secret") as url:
        assert httpx.get(f"{url}/api/suites").status_code == 401
        assert httpx.get(f"{url}/", auth=("any", "secret")).status_code == 200
        assert httpx.get(f"{url}/api/suites", headers={"authorization": "Bearer secret"}).status_code == 200


def test_a_port_in_use_is_an_error(url: str, suite: Path) -> None:
    port = int(url.rpartition(":")[2])
    with pytest.raises(PermanentError, match="cannot listen on"), serve_in_thread(Catalog([suite]), port=port):
        pass


def test_a_case_is_named_in_the_address_without_a_body(url: str) -> None:
    answer = httpx.post(f"{url}/api/eval/stream", params={"test_name": "hello", "version": "v2"}, timeout=60)
    assert answer.status_code == 200, answer.text
    assert read(answer.text)[-1]["event"] == "completed"


def test_a_name_that_no_suite_has_is_an_error_event(url: str) -> None:
    answer = httpx.post(f"{url}/api/eval/stream", params={"test_name": "nope"}, timeout=60)
    assert "no suite has a case 'nope'" in answer.text
    answer = httpx.post(f"{url}/api/eval/stream", params={"test_name": "hello", "suite": "other"}, timeout=60)
    assert "no suite 'other' has a case 'hello'" in answer.text


def test_a_form_of_another_origin_is_refused_without_a_body_too(url: str) -> None:
    address = f"{url}/api/eval/stream?test_name=hello"
    assert httpx.post(address, headers={"origin": "https://elsewhere.example"}).status_code == 403
    assert httpx.post(f"{url}/api/eval/stream").status_code == 415
