"""No request, however wrong, is answered with a 500: random paths, parameters and bodies are sent to each route.

`FUZZED_REQUESTS=20000` sends as many.
"""

import asyncio
import os
import random
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import httpx
import orjson
import pytest

from eval_pipeline.langsmith.protocol.wire import Part, encode_multipart
from eval_pipeline.recorder.app import API_ROUTES, create_app
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.frame import Frame, run_operation
from eval_pipeline.recorder.routes.bodies import BODIES, KINDS, UNCHECKED
from eval_pipeline_tests.recorder.frames import BOUNDARY, a_run, new_uuid, parts_of

_ROUTES = [
    (method, f"{version}{route.path}", route)
    for version, routes in API_ROUTES
    for route in routes
    for method in sorted(route.methods or ())
]
_MULTIPART = {route for route in UNCHECKED if route[1].endswith(("multipart", "examples", "upload"))}
_TEXTS = [
    *("", "x", "\0", "é東", "a" * 300, "%", "'", '"', "latest", "null", "true", "-1", "1e400", "2026-11-30"),
    *("2026-11-30T00:00:00+99:00", "[]", "{}", '{"a": 1}', "DESC", "and(eq())", 'eq(name, "x")', "gt(latency, 1)"),
    *("has(metadata, '{\"a\": 1}')", "neq(start_time, 5)", "MDp4", "==", "inputs", "run", "ID", "kv", "../x"),
]
_NUMBERS = [0, 1, -1, 3, 101, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 0.5, 1e308, -1e308]


class _Fuzzer:
    """Random requests, of which about half name objects that exist."""

    def __init__(self, seed: int, ids: list[str]) -> None:
        self._random = random.Random(seed)
        self._ids = [*ids, *ids, str(new_uuid()), str(new_uuid()).upper()]

    def request(self) -> tuple[str, str, dict[str, Any], bytes | None, str]:
        method, path, route = self._random.choice(_ROUTES)
        filled = "/".join(self._segment() if part.startswith("{") else part for part in path.split("/"))
        names = [field.alias for field in route.dependant.query_params]
        chosen = self._random.sample(names, self._random.randrange(min(3, len(names)) + 1))
        parameters = {name: self._text() for name in chosen}
        if method in ("GET", "DELETE"):
            return method, filled, parameters, None, "application/json"
        if (method, path) in _MULTIPART:
            return method, filled, parameters, self._parts(), f"multipart/form-data; boundary={BOUNDARY}"
        return method, filled, parameters, self._body(method, path), "application/json"

    def _segment(self) -> str:
        if self._random.random() < 0.8:
            return self._random.choice(self._ids)
        return self._random.choice(["x", "latest", "%00", "-", "%F0%9F", "9" * 40])

    def _text(self) -> str:
        return self._random.choice(self._ids if self._random.random() < 0.3 else _TEXTS)

    def _body(self, method: str, path: str) -> bytes:
        if self._random.random() < 0.05:
            return self._random.choice([b"", b"[", b"\xff", b"1", b'"x"', b"[[]]", b"[1, null]", b"{}" * 2])
        body: Any = self._fields(BODIES[method, path]) if (method, path) in BODIES else self._run()
        if path == "/runs/batch":
            body = {kind: [self._run() for _ in range(self._random.randrange(3))] for kind in ("post", "patch")}
        if path.endswith(("/bulk", "/by-key")) or self._random.random() < 0.1:
            body = [body] * self._random.randrange(3)
        data = orjson.dumps(body, default=str)
        return data if self._random.random() < 0.95 else data[:-1]

    def _fields(self, names: Iterable[str]) -> dict[str, Any]:
        fields = sorted(names)
        return {
            name: self._fitting(KINDS[name]) if self._random.random() < 0.85 else self._value()
            for name in self._random.sample(fields, self._random.randrange(len(fields) + 1))
        }

    def _run(self) -> dict[str, Any]:
        """A run, of which some fields hold any value."""
        run = a_run()
        names = [*run, "extra", "events", "tags", "error", "session_id", "reference_example_id", "serialized"]
        return {**run, **{name: self._value() for name in self._random.sample(names, self._random.randrange(3))}}

    def _parts(self) -> bytes:
        run, example = self._run(), self._random.choice(self._ids)
        names = [*("file", "name", "input_keys", "input_keys", "data_type"), f"feedback.{new_uuid()}", "attachment.x.y"]
        names += [example, f"{example}.inputs", f"{example}.attachments_operations", f"{example}.attachment.a", "\0"]
        parts = parts_of(run) if self._random.random() < 0.5 else []
        for name in self._random.sample(names, self._random.randrange(5)):
            kind = self._random.choice(["key", "retain", "rename", "inputs"])
            data = orjson.dumps(self._random.choice([self._value(), {kind: self._value()}]), default=str)
            data = self._random.choice([data, b"a,b\n1,2\n", b"a", b"\xff\0"])
            parts.append(Part(name=name, content_type="application/json", data=data))
        body = encode_multipart(parts, BOUNDARY)
        return body if self._random.random() < 0.95 else body[:-9]

    def _fitting(self, kind: str) -> Any:
        mapping = {self._text(): self._value() for _ in range(3)}
        values: dict[str, list[Any]] = {
            "id": self._ids,
            "ids": [self._ids, [self._ids[0]], self._ids[1]],
            "text": [self._text()],
            "id|name": [self._text()],
            "text|texts": [self._text(), [self._text()]],
            "texts": [[self._text(), self._text()], []],
            "truth": [True, False],
            "whole": [0, 1, 10, -1, 2**62],
            "time": ["2026-11-30T00:00:00Z", "0001-01-01", "9999-12-31T23:59:59-12:00", 1e300, -1],
            "mappings": [[mapping], []],
            "score": [0.5, True],
        }
        return self._random.choice(values.get(kind, [mapping]))

    def _value(self, depth: int = 0) -> Any:
        kind = self._random.randrange(9 if depth < 3 else 5)
        if kind <= 1:
            return self._random.choice(self._ids)
        if kind == 2:
            return self._text()
        if kind == 3:
            number = self._random.choice(_NUMBERS)
            return number if isinstance(number, float) or abs(number) < 2**63 else str(number)
        if kind == 4:
            return self._random.choice([True, False, None])
        if kind <= 6:
            return [self._value(depth + 1) for _ in range(self._random.randrange(4))]
        return {self._text(): self._value(depth + 1) for _ in range(self._random.randrange(4))}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with closing(Recorder()) as recorder:
        yield recorder


def _filled(recorder: Recorder) -> list[str]:
    """The ids of a run, a project, a dataset, an example, an experiment, a queue and a prompt."""
    run = a_run()
    recorder.receive(Frame(runs=[run_operation("post", run)]))
    dataset = recorder.datasets.create({"name": "d", "inputs_schema_definition": {"type": "object"}})["id"]
    (example,) = recorder.examples.create(dataset, [{"inputs": {"a": 1}, "metadata": {"a": 1}}])["example_ids"]
    session = recorder.sessions.create({"name": "e", "reference_dataset_id": dataset}, upsert=False)["id"]
    of_example = a_run(session_name="e", reference_example_id=example)
    recorder.receive(Frame(runs=[run_operation("post", of_example)]))
    queue = recorder.queues.create({"name": "q"})["id"]
    (entry,) = recorder.queues.add(queue, [{"run_id": run["id"]}])
    recorder.hub.create({"repo_handle": "p"})
    recorder.hub.commit("p", {"manifest": {"a": 1}})
    return [run["id"], of_example["id"], dataset, example, session, queue, str(entry["id"]), "p"]


async def _send(recorder: Recorder, number: int, seed: int) -> list[Any]:
    failures, fuzzer = [], _Fuzzer(seed, _filled(recorder))
    transport = httpx.ASGITransport(create_app(recorder), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        for count in range(number):
            if count % 500 == 499:  # what random requests have deleted
                recorder.clear()
                fuzzer = _Fuzzer(seed + count, _filled(recorder))
            method, path, parameters, body, kind = fuzzer.request()
            headers = {"content-type": kind}
            answer = await http.request(method, path, params=parameters, content=body, headers=headers)
            if answer.status_code >= 500:
                failures.append((method, path, parameters, body))
    return failures


def test_random_requests_get_no_500(recorder: Recorder) -> None:
    number = int(os.environ.get("FUZZED_REQUESTS", "400"))
    assert asyncio.run(_send(recorder, number, seed=number)) == []
