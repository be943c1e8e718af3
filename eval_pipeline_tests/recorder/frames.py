"""Runs, frames and clients for the recorder's tests."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
from langsmith import Client, uuid7_from_datetime

from eval_pipeline.langsmith.protocol.wire import Part, encode_multipart
from eval_pipeline.recorder.server import RecorderServer

MILLISECOND = timedelta(milliseconds=1)
BOUNDARY = "recorder-test-boundary"


def a_run(parent: dict[str, Any] | None = None, *, start: datetime | None = None, **fields: Any) -> dict[str, Any]:
    """A run that breaks no rule, a child of `parent` where one is given."""
    if start is None:
        start = datetime.now(UTC) if parent is None else datetime.fromisoformat(parent["start_time"]) + MILLISECOND
    identity = str(uuid7_from_datetime(start))
    own = f"{start:%Y%m%dT%H%M%S%f}Z{identity}"
    return {
        "id": identity,
        "name": "run",
        "run_type": "chain",
        "start_time": start.isoformat(),
        "end_time": (start + timedelta(milliseconds=250)).isoformat(),
        "trace_id": parent["trace_id"] if parent else identity,
        "parent_run_id": parent["id"] if parent else None,
        "dotted_order": f"{parent['dotted_order']}.{own}" if parent else own,
        "session_name": "plain",
        "inputs": {"question": "why?"},
        "outputs": {"answer": "because"},
        **fields,
    }


def parts_of(run: dict[str, Any], kind: str = "post") -> list[Part]:
    """One run as the SDK cuts it into parts."""
    large = ("inputs", "outputs", "extra", "events", "error", "serialized")
    head = {key: value for key, value in run.items() if key not in large}
    values = {f"{kind}.{run['id']}": head, **{f"{kind}.{run['id']}.{name}": run[name] for name in large if name in run}}
    return [
        Part(name=name, content_type="application/json", data=orjson.dumps(value)) for name, value in values.items()
    ]


def post_parts(server: RecorderServer, parts: list[Part], **headers: str) -> httpx.Response:
    """Send a frame, uncompressed."""
    return post_body(server, encode_multipart(parts, BOUNDARY), **headers)


def post_body(server: RecorderServer, body: bytes, **headers: str) -> httpx.Response:
    """Send the bytes of a frame."""
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    return httpx.post(f"{server.url}/runs/multipart", content=body, headers={"content-type": content_type, **headers})


def post_runs(server: RecorderServer, *runs: dict[str, Any], kind: str = "post") -> httpx.Response:
    """Send runs as one frame."""
    return post_parts(server, [part for run in runs for part in parts_of(run, kind)])


def a_client(server: RecorderServer, errors: list[Exception] | None = None) -> Client:
    """The real SDK's client, talking to `server`; errors of its sending thread are added to `errors`."""
    collected = [] if errors is None else errors
    return Client(
        api_url=server.url,
        api_key="test",
        web_url=server.url,
        tracing_error_callback=collected.append,
        disable_prompt_cache=True,
    )


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


async def with_client(server: RecorderServer, check: Callable[[Client], Awaitable[None]]) -> None:
    """Call `check` with a client whose v2 resources it uses: the SDK closes their connections when they are collected,
    and only inside of a running loop.
    """
    await check(a_client(server))
    gc.collect()
    await asyncio.sleep(0.05)


def stored_ids(server: RecorderServer) -> set[str]:
    """Ids of the runs the server holds."""
    return {row["id"] for row in server.recorder.database.rows("SELECT id FROM runs")}


def new_uuid() -> UUID:
    """A fresh UUIDv7."""
    return uuid7_from_datetime(datetime.now(UTC))
