"""Requests the recorder refuses: invalid frames, duplicates, bodies that are too large, unknown routes and objects."""

import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
import zstandard
from langsmith import Client

from eval_pipeline.langsmith.protocol.wire import Part, encode_multipart
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import (
    BOUNDARY,
    a_run,
    new_uuid,
    parts_of,
    post_body,
    post_parts,
    post_runs,
    stored_ids,
)

NOWHERE = "018f0000-0000-7000-8000-000000000003"
BROKEN: dict[str, dict[str, Any]] = {
    "another trace": {"trace_id": "018f0000-0000-7000-8000-000000000001"},
    "unknown run type": {"run_type": "agent"},
    "too old": {"start_time": (datetime.now(UTC) - timedelta(days=2)).isoformat()},
    "no name": {"name": None},
    "unknown session": {"session_id": "018f0000-0000-7000-8000-000000000002"},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_one_invalid_run_refuses_the_valid_ones_of_its_frame(server: RecorderServer, change: dict[str, Any]) -> None:
    innocent, bad = a_run(), {**a_run(), **change}
    assert 400 <= post_runs(server, innocent, bad).status_code < 500
    assert stored_ids(server) == set()
    assert post_runs(server, innocent).status_code == 202
    assert stored_ids(server) == {innocent["id"]}


def test_an_invalid_feedback_refuses_the_runs_of_its_frame(server: RecorderServer) -> None:
    run = a_run()
    feedback = Part(
        name=f"feedback.{new_uuid()}",
        content_type="application/json",
        data=orjson.dumps({"run_id": run["id"], "key": "k" * 181}),
    )
    assert post_parts(server, [*parts_of(run), feedback]).status_code == 422
    assert stored_ids(server) == set()


def test_the_client_reports_a_refusal_to_its_callback(client: Client, errors: list[Exception]) -> None:
    run = a_run()
    client.create_run(**{**run, "run_type": "agent", "project_name": "plain"})
    client.flush(timeout=10)
    assert len(errors) == 1
    assert "is not one of" in str(errors[0])


def test_a_run_takes_one_post_and_one_patch(server: RecorderServer) -> None:
    run = a_run()
    published = {"error": "Conflict: payload already received: payloads already received"}
    assert post_runs(server, run).status_code == 202
    again = post_runs(server, {**run, "outputs": {"answer": "another"}})
    assert (again.status_code, again.json()) == (409, published)
    assert server.recorder.runs.get(run["id"])["outputs"] == run["outputs"]
    patch = {"id": run["id"], "outputs": {"answer": "patched"}}
    assert post_runs(server, patch, kind="patch").status_code == 202
    assert post_runs(server, {**patch, "outputs": {"answer": "late"}}, kind="patch").json() == published
    assert server.recorder.runs.get(run["id"])["outputs"] == {"answer": "patched"}
    single = httpx.post(f"{server.url}/runs", json=run)
    assert (single.status_code, single.json()) == (409, published)


def test_new_runs_of_a_frame_are_stored_though_the_others_are_duplicates(server: RecorderServer) -> None:
    old, new = a_run(), a_run()
    post_runs(server, old)
    assert post_runs(server, old, new).status_code == 202
    assert stored_ids(server) == {old["id"], new["id"]}


def test_a_patch_before_its_post_is_kept_and_completed(server: RecorderServer) -> None:
    run = a_run()
    patch = {"id": run["id"], "trace_id": run["trace_id"], "outputs": {"answer": "patched"}, "error": "late error"}
    assert post_runs(server, patch, kind="patch").status_code == 202
    assert server.recorder.runs.get(run["id"])["name"] == ""
    child = a_run(run)
    assert post_runs(server, {"id": child["id"], "outputs": {}}, kind="patch").status_code == 202
    assert post_runs(server, child).status_code == 202
    placed = server.recorder.runs.get(child["id"])
    assert (placed["trace_id"], placed["session_id"]) == (run["id"], server.recorder.sessions.get_or_create("plain"))
    assert post_runs(server, run).status_code == 202
    stored = server.recorder.runs.get(run["id"])
    assert (stored["name"], stored["outputs"], stored["error"]) == ("run", {"answer": "patched"}, "late error")


def test_a_trace_is_full_at_its_limit() -> None:
    with RecorderServer(config=RecorderConfig(max_runs_per_trace=5)) as server:
        root = a_run()
        assert post_runs(server, root, *(a_run(root) for _ in range(4))).status_code == 202
        refused = post_runs(server, a_run(root))
        assert refused.status_code == 422
        assert "exceeds the maximum of 5 runs per trace" in refused.json()["error"]
        assert post_runs(server, {"id": root["id"], "outputs": {}}, kind="patch").status_code == 202


def test_the_window_can_be_switched_off() -> None:
    with RecorderServer(config=RecorderConfig(start_time_window=None)) as server:
        assert post_runs(server, a_run(start=datetime(2020, 1, 1, tzinfo=UTC))).status_code == 202


def test_a_truncated_frame_has_the_published_answer(server: RecorderServer) -> None:
    body = encode_multipart(parts_of(a_run()), BOUNDARY)
    compressor = zstandard.ZstdCompressor().compressobj()
    packed = compressor.compress(body) + compressor.flush()
    published = {"error": "Unprocessable entity: error reading multipart data: multipart: NextPart: EOF"}
    for answer in (
        post_body(server, body[:-30]),
        post_body(server, packed[:-30], **{"content-encoding": "zstd"}),
        post_body(server, gzip.compress(body)[:-30], **{"content-encoding": "gzip"}),
    ):
        assert (answer.status_code, answer.json()) == (422, published)
    assert post_body(server, packed, **{"content-encoding": "zstd"}).status_code == 202


def test_a_chunked_frame_is_read(server: RecorderServer) -> None:
    run = a_run()
    body = encode_multipart(parts_of(run), BOUNDARY)
    chunks = (body[i : i + 100] for i in range(0, len(body), 100))
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    assert httpx.post(f"{server.url}/runs/multipart", content=chunks, headers=headers).status_code == 202
    assert stored_ids(server) == {run["id"]}


def test_too_large_and_bombs_are_413() -> None:
    with RecorderServer(config=RecorderConfig(max_request_bytes=10_000, max_decoded_bytes=100_000)) as server:
        large = post_runs(server, a_run(inputs={"text": "x" * 20_000}))
        bomb = post_body(server, gzip.compress(bytes(5_000_000)), **{"content-encoding": "gzip"})
        plain = httpx.post(f"{server.url}/datasets", json={"name": "x" * 20_000})
        assert [answer.status_code for answer in (large, bomb, plain)] == [413, 413, 413]


def test_an_integer_beyond_64_bits_is_refused(server: RecorderServer) -> None:
    run = a_run()
    inputs = Part(name=f"post.{run['id']}.inputs", content_type="application/json", data=b'{"n": 18446744073709551616}')
    refused = post_parts(server, [parts_of(run)[0], inputs])
    assert (refused.status_code, refused.json()) == (422, {"detail": "int too big to convert"})


@pytest.mark.parametrize("name", ["post", "bogus.x", "post.{id}.inputs", "feedback"])
def test_a_part_with_an_unknown_name_is_refused(server: RecorderServer, name: str) -> None:
    part = Part(name=name.format(id=new_uuid()), content_type="application/json", data=b"[]")
    assert post_parts(server, [part]).status_code == 422


@pytest.mark.parametrize("path", ["/", "/api/v1/", "/v1/", "/api/v2/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_route_is_404(server: RecorderServer, method: str, path: str) -> None:
    assert httpx.request(method, f"{server.url}{path}no/such/route").status_code == 404


@pytest.mark.parametrize("prefix", ["", "/api/v1", "/v1"])
def test_each_prefix_reaches_the_same_routes(server: RecorderServer, prefix: str) -> None:
    assert httpx.get(f"{server.url}{prefix}/info").json()["version"]
    (session,) = httpx.get(f"{server.url}{prefix}/sessions?limit=1").json()
    assert session["name"] == "default"
    assert httpx.post(f"{server.url}{prefix}/runs/batch", json={"post": [a_run()]}).status_code == 202


def test_more_than_100_runs_a_page_are_refused(server: RecorderServer) -> None:
    refused = httpx.post(f"{server.url}/runs/query", json={"limit": 101})
    assert (refused.status_code, refused.json()) == (400, {"detail": "Limit exceeds maximum allowed value of 100"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/runs/not-a-uuid", 422),
        ("GET", f"/runs/{NOWHERE}", 404),
        ("GET", f"/sessions/{NOWHERE}", 404),
        ("GET", f"/datasets/{NOWHERE}", 404),
        ("GET", "/examples", 422),
        ("GET", f"/examples?dataset={NOWHERE}", 404),
        ("GET", "/commits/-/nothing/latest", 404),
        ("POST", "/recorder/faults", 404),
        ("POST", "/runs/query", 422),
    ],
)
def test_unknown_objects_and_invalid_parameters_are_refused(
    server: RecorderServer, method: str, path: str, status: int
) -> None:
    body = b"{}" if path == "/recorder/faults" else b"[]"
    assert httpx.request(method, server.url + path, content=body).status_code == status
