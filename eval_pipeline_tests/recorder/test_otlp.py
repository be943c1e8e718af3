"""Spans in OTLP become runs, by the conventions of OpenTelemetry and OpenInference."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eval_pipeline.recorder.server import RecorderServer

_EXPORTED = base64.b64decode(
    "CocFChgKFgoMc2VydmljZS5uYW1lEgYKBGRlc2sS6gQKBwoFYWdlbnQSuQMKEBiTf64GuX3e0WCEwxZSo80SCIuklanzG9+GIghu"
    "N2evzPa2PSoQY2hhdCBncHQtNG8tbWluaTABOUDCczrd0OwYQcBGkjrd0OwYSh8KFWdlbl9haS5vcGVyYXRpb24ubmFtZRIGCgRj"
    "aGF0SiUKFGdlbl9haS5yZXF1ZXN0Lm1vZGVsEg0KC2dwdC00by1taW5pSiAKGWdlbl9haS51c2FnZS5pbnB1dF90b2tlbnMSAxjo"
    "B0ogChpnZW5fYWkudXNhZ2Uub3V0cHV0X3Rva2VucxICGApKJwoaZ2VuX2FpLnJlcXVlc3QudGVtcGVyYXR1cmUSCSEAAAAAAADg"
    "P1qiAQmABIM63dDsGBIJZXhjZXB0aW9uGh4KDmV4Y2VwdGlvbi50eXBlEgwKClZhbHVlRXJyb3IaHgoRZXhjZXB0aW9uLm1lc3Nh"
    "Z2USCQoHbm8gbHVjaxouChRleGNlcHRpb24uc3RhY2t0cmFjZRIWChRWYWx1ZUVycm9yOiBubyBsdWNrChocChFleGNlcHRpb24u"
    "ZXNjYXBlZBIHCgVGYWxzZXoLEgdubyBsdWNrGAKFAQABAAASogEKEBiTf64GuX3e0WCEwxZSo80SCG43Z6/M9rY9KgZhbnN3ZXIw"
    "ATkAgGQ63dDsGEEAcmpk3tDsGEoiChdvcGVuaW5mZXJlbmNlLnNwYW4ua2luZBIHCgVBR0VOVEohCgtpbnB1dC52YWx1ZRISChB7"
    "InEiOiAi5p2x5LqsPyJ9Sg8KAW4SCioICgIYAQoCGAJKCAoCb2sSAhABegCFAQABAAA="
)
"""What the exporter of opentelemetry-python 1.45 sends of a root and its child, which ends first."""
_START_NS = 1_796_040_000_000_000_000
_TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def http(server: RecorderServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def _any(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any(item) for item in value]}}
    kind = {int: "intValue", float: "doubleValue", str: "stringValue"}[type(value)]
    return {kind: str(value) if isinstance(value, int) else value}


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any(value)} for key, value in values.items()]


def a_span(number: int = 1, parent: int | None = None, **fields: Any) -> dict[str, Any]:
    """A span in JSON; `attributes` is a plain mapping, `events` are pairs of a name and a mapping."""
    attributes, events = fields.pop("attributes", {}), fields.pop("events", ())
    return {
        "traceId": _TRACE,
        "spanId": f"{number:016x}",
        **({} if parent is None else {"parentSpanId": f"{parent:016x}"}),
        "name": f"span {number}",
        "startTimeUnixNano": str(_START_NS + number * 1_000_000),
        "endTimeUnixNano": str(_START_NS + 1_000_000_000),
        "attributes": _attributes(attributes),
        "events": [{"name": name, "attributes": _attributes(values)} for name, values in events],
        **fields,
    }


def _send(http: httpx.Client, *spans: dict[str, Any], project: str = "agents") -> httpx.Response:
    body = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "test"}, "spans": list(spans)}]}]}
    return http.post("/otel/v1/traces", json=body, headers={"Langsmith-Project": project})


def _runs(http: httpx.Client, project: str = "agents") -> list[dict[str, Any]]:
    session = http.get("/sessions", params={"name": project}).json()[0]["id"]
    runs = http.post("/runs/query", json={"session": session, "order": "asc"}).json()["runs"]
    return sorted(runs, key=lambda run: str(run["dotted_order"]))


def test_what_an_exporter_sends_in_protobuf_is_a_trace(http: httpx.Client) -> None:
    headers = {"content-type": "application/x-protobuf", "langsmith-project": "agents"}
    for _ in range(2):  # a retry stores nothing twice
        answer = http.post("/api/v1/otel/v1/traces", content=_EXPORTED, headers=headers)
        assert (answer.status_code, answer.content) == (200, b"")
    root, child = _runs(http)
    assert (root["name"], root["run_type"], root["inputs"]) == ("answer", "chain", {"q": "東京?"})
    assert (root["trace_id"], root["parent_run_id"]) == (root["id"], None)
    metadata = root["extra"]["metadata"]
    assert (metadata["n"], metadata["ok"], metadata["service.name"]) == ([1, 2], True, "desk")
    assert (child["name"], child["run_type"], child["parent_run_id"]) == ("chat gpt-4o-mini", "llm", root["id"])
    assert child["dotted_order"].startswith(root["dotted_order"] + ".")
    assert child["error"].startswith("ValueError: no luck\n\n")
    assert (child["prompt_tokens"], child["completion_tokens"], child["total_cost"]) == (1000, 10, "0.000156")
    assert child["extra"]["invocation_params"]["temperature"] == 0.5


def test_children_that_arrive_before_their_parents_are_placed_when_these_arrive(http: httpx.Client) -> None:
    _send(http, a_span(3, parent=2))
    _send(http, a_span(2, parent=1))
    _send(http, a_span(1))
    root, child, grandchild = _runs(http)
    assert [run["name"] for run in (root, child, grandchild)] == ["span 1", "span 2", "span 3"]
    assert {run["trace_id"] for run in (root, child, grandchild)} == {root["id"]}
    assert (child["parent_run_id"], grandchild["parent_run_id"]) == (root["id"], child["id"])
    assert grandchild["parent_run_ids"] == [root["id"], child["id"]]


_TOOL_CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
_CONVENTIONS: dict[str, tuple[dict[str, Any], list[Any], dict[str, Any]]] = {
    "gen_ai messages": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.response.model": "gpt-x",
            "gen_ai.conversation.id": "t-1",
            "gen_ai.system_instructions": '[{"type": "text", "content": "Be brief."}]',
            "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]),
            "gen_ai.output.messages": json.dumps(
                [
                    {
                        "role": "assistant",
                        "parts": [
                            {"type": "text", "content": "Look"},
                            {"type": "tool_call", "id": "c", "name": "look", "arguments": {"at": 1}},
                        ],
                    }
                ]
            ),
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.usage.cache_read.input_tokens": 2,
            "gen_ai.usage.output_tokens": 3,
        },
        [],
        {
            "run_type": "llm",
            "inputs": {
                "messages": [
                    {"role": "system", "content": [{"type": "text", "content": "Be brief."}]},
                    {"role": "user", "content": "Hi"},
                ]
            },
            "outputs": {"messages": [{"role": "assistant", "content": "Look", "tool_calls": [_TOOL_CALL]}]},
            "total_tokens": 8,
            "prompt_token_details": {"cache_read": 2},
            "thread_id": "t-1",
        },
    ),
    "older gen_ai, by index": (
        {
            "gen_ai.request.model": "m",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "Hi",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "Hello",
            "gen_ai.usage.prompt_tokens": 1,
            "gen_ai.usage.completion_tokens": 2,
        },
        [],
        {
            "run_type": "llm",
            "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
            "outputs": {"messages": [{"role": "assistant", "content": "Hello"}]},
            "total_tokens": 3,
        },
    ),
    "gen_ai events": (
        {"gen_ai.operation.name": "chat"},
        [("gen_ai.user.message", {"content": "Hi"}), ("gen_ai.choice", {"message": '{"content": "Hello"}'})],
        {
            "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
            "outputs": {"messages": [{"role": "assistant", "content": "Hello"}]},
        },
    ),
    "gen_ai tool": (
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "look",
            "gen_ai.tool.call.arguments": '{"at": 1}',
            "gen_ai.tool.call.result": "a tree",
        },
        [],
        {"run_type": "tool", "inputs": {"at": 1}, "outputs": {"output": "a tree"}},
    ),
    "OpenInference model": (
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m",
            "session.id": "t-2",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.contents.0.message_content.text": "Hi",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "look",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"at": 1}',
            "llm.token_count.prompt": 4,
            "llm.token_count.completion": 1,
            "tag.tags": ["a", "b"],
            "metadata": '{"kind": "hard"}',
        },
        [],
        {
            "run_type": "llm",
            "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
            "outputs": {"messages": [{"role": "assistant", "tool_calls": [_TOOL_CALL]}]},
            "total_tokens": 5,
            "tags": ["a", "b"],
            "thread_id": "t-2",
        },
    ),
    "OpenInference retriever": (
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": "trees",
            "retrieval.documents.0.document.content": "An oak.",
            "retrieval.documents.0.document.score": 0.5,
            "retrieval.documents.0.document.metadata": '{"page": 3}',
        },
        [],
        {
            "run_type": "retriever",
            "inputs": {"input": "trees"},
            "outputs": {
                "documents": [{"page_content": "An oak.", "metadata": {"page": 3, "score": 0.5}, "type": "Document"}]
            },
        },
    ),
    "LangSmith": (
        {
            "langsmith.span.kind": "parser",
            "langsmith.trace.name": "parse",
            "langsmith.span.tags": "x, y",
            "gen_ai.prompt": '{"text": "1"}',
            "gen_ai.completion": '{"number": 1}',
            "langsmith.metadata.team": "a",
        },
        [],
        {"name": "parse", "run_type": "parser", "inputs": {"text": "1"}, "outputs": {"number": 1}, "tags": ["x", "y"]},
    ),
}


@pytest.mark.parametrize("name", _CONVENTIONS)
def test_a_span_of_a_convention_is_a_run(http: httpx.Client, name: str) -> None:
    attributes, events, expected = _CONVENTIONS[name]
    assert _send(http, a_span(attributes={**attributes, "my.own": "kept"}, events=events)).status_code == 200
    (run,) = _runs(http)
    assert {field: run[field] for field in expected} == expected
    assert run["extra"]["metadata"]["my.own"] == "kept"


def test_results_of_evaluations_are_feedback(http: httpx.Client) -> None:
    result = {
        "gen_ai.evaluation.name": "quality",
        "gen_ai.evaluation.score.value": 0.5,
        "gen_ai.evaluation.score.label": "fair",
        "gen_ai.evaluation.explanation": "half of it",
    }
    for _ in range(2):
        _send(http, a_span(events=[("gen_ai.evaluation.result", result)]))
    (run,) = _runs(http)
    (feedback,) = http.get("/feedback", params={"run": run["id"]}).json()
    assert {name: feedback[name] for name in ("key", "score", "value", "comment", "trace_id")} == {
        "key": "quality",
        "score": 0.5,
        "value": "fair",
        "comment": "half of it",
        "trace_id": run["id"],
    }


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b"", 415),
        ("application/x-protobuf", b"\xff\xff", 422),
        ("application/json", b"[", 422),
        ("application/json", b"[]", 422),
        ("application/json", json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]}).encode(), 422),
        ("application/json", json.dumps({"resourceSpans": 3}).encode(), 422),
    ],
)
def test_what_is_no_otlp_is_refused(http: httpx.Client, content_type: str, body: bytes, status: int) -> None:
    answer = http.post("/otel/v1/traces", content=body, headers={"content-type": content_type})
    assert answer.status_code == status


@pytest.mark.parametrize(
    "wrong",
    [
        {"traceId": "0" * 32},
        {"spanId": "xyz"},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": str(10**30)},
        {"attributes": [{"value": {"stringValue": "x"}}]},
    ],
)
def test_a_span_that_breaks_the_specification_refuses_its_request(http: httpx.Client, wrong: dict[str, Any]) -> None:
    assert _send(http, a_span(1), {**a_span(2), **wrong}).status_code == 422
    assert http.get("/sessions", params={"name": "agents"}).json() == []
