"""The rules against the LangSmith SDK: what it produces is accepted, and what we produce is what its models hold."""

import datetime as dt
import typing
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langsmith import Client, RunTree, schemas, traceable, tracing_context, uuid7_from_datetime
from langsmith.client import RUN_TYPE_T
from requests import PreparedRequest, Response, Session

from eval_pipeline.langsmith.protocol.dotted_order import DottedOrderStep, format_step, parse_dotted_order
from eval_pipeline.langsmith.protocol.rules import (
    RUN_TYPES,
    validate_feedback,
    validate_run_patch,
    validate_run_post,
)
from eval_pipeline.langsmith.protocol.time_window import delta_for, retime
from eval_pipeline.langsmith.protocol.usage import usage_of
from eval_pipeline.langsmith.protocol.wire import Part, decompress, encode_multipart, parse_multipart
from eval_pipeline.tracing.experiment.feedback import feedback_of
from eval_pipeline.tracing.shape.run import uuid7_at, uuid7_millisecond
from eval_pipeline_tests.langsmith.run_id_advice import run_id_advice
from eval_pipeline_tests.tracing.experiment.test_feedback import a_result, an_assertion
from eval_pipeline_tests.tracing.sample_runs import a_trace

BATCHES = {
    "use_multipart_endpoint": True,
    "scale_up_qsize_trigger": 1000,
    "scale_up_nthreads_limit": 16,
    "scale_down_nempty_trigger": 4,
    "size_limit": 100,
    "size_limit_bytes": 20_971_520,
}
FRAMES = {"batch_ingest_config": BATCHES, "version": "0.13.0"}
ZSTD = {**FRAMES, "instance_flags": {"zstd_compression_enabled": True}}
COMPRESSED = pytest.param(ZSTD, id="zstd")
PLAIN = pytest.param(FRAMES, id="uncompressed")


class Wire(Session):
    """Keeps every request instead of sending it."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[PreparedRequest] = []

    def send(self, request: PreparedRequest, **_: Any) -> Response:
        self.requests.append(request)
        response = Response()
        response.status_code, response.request = 202, request
        response._content = b"{}"
        return response

    def json(self, method: str) -> list[dict[str, Any]]:
        """The JSON bodies of one method, in order."""
        bodies = [request.body for request in self.requests if request.method == method]
        return [orjson.loads(body) for body in bodies if isinstance(body, bytes | str)]

    def parts(self) -> Iterator[Part]:
        """The parts of every frame, read with our own code."""
        for request in self.requests:
            if (request.url or "").endswith("/runs/multipart"):
                raw: Any = request.body
                headers = {name: str(value) for name, value in request.headers.items()}
                data = raw if isinstance(raw, bytes) else raw.read()
                body = decompress(data, headers.get("Content-Encoding"), limit=10**8)
                yield from parse_multipart(body, headers["Content-Type"])


@pytest.fixture
def wire() -> Wire:
    return Wire()


def client_of(wire: Wire, info: dict[str, Any] = FRAMES, **fields: Any) -> Client:
    return Client(api_url="http://127.0.0.1:9", api_key="k", session=wire, info=info, **fields)


def broken(runs: list[dict[str, Any]], *, kind: str = "post") -> list[str]:
    validate = validate_run_post if kind == "post" else validate_run_patch
    return [each.message for run in runs for each in validate(run, now=dt.datetime.now(tz=dt.UTC))]


def test_run_types_are_those_of_the_sdk() -> None:
    assert set(typing.get_args(RUN_TYPE_T)) == RUN_TYPES


def test_a_dotted_order_of_the_sdk_is_read_and_written_as_it_is() -> None:
    root = RunTree(name="root", replicas=[])
    child = root.create_child("child")
    assert parse_dotted_order(child.dotted_order) == (
        DottedOrderStep(start_time=root.start_time, run_id=str(root.id)),
        DottedOrderStep(start_time=child.start_time, run_id=str(child.id)),
    )
    assert ".".join(map(format_step, parse_dotted_order(child.dotted_order))) == child.dotted_order


def test_the_header_by_which_the_sdk_joins_a_trace_is_a_dotted_order() -> None:
    root = RunTree(name="root", replicas=[])
    (only,) = parse_dotted_order(root.to_headers()["langsmith-trace"])
    assert (only.run_id, only.start_time) == (str(root.id), root.start_time)


def test_posts_and_patches_of_a_run_tree_break_no_rule(wire: Wire) -> None:
    root = RunTree(name="root", inputs={"a": 1}, ls_client=client_of(wire, auto_batch_tracing=False), replicas=[])
    child = root.create_child("child", run_type="tool", inputs={"b": 2})
    for tree in (root, child):
        tree.post()
    for tree in (child, root):
        tree.end(outputs={"c": 3})
        tree.patch()
    posts, patches = wire.json("POST"), wire.json("PATCH")
    assert [len(posts), len(patches)] == [2, 2]
    assert broken(posts) == []
    assert broken(patches, kind="patch") == []
    assert [advice for run in posts for advice in run_id_advice(run)] == []


@pytest.mark.parametrize("info", [COMPRESSED, PLAIN])
def test_a_frame_of_the_sdk_is_parsed_and_its_runs_break_no_rule(wire: Wire, info: dict[str, Any]) -> None:
    client = client_of(wire, info)

    @traceable(run_type="tool")
    def look_up(key: str) -> str:
        return key

    @traceable
    def answer(question: str) -> str:
        return look_up(question)

    with tracing_context(enabled=True, client=client, project_name="p"):
        for number in range(3):
            answer(f"question {number}")
    client.flush(timeout=10)
    parts = list(wire.parts())
    heads = {part.name: orjson.loads(part.data) for part in parts if part.name.count(".") == 1}
    posts = [head for name, head in heads.items() if name.startswith("post.")]
    patches = [head for name, head in heads.items() if name.startswith("patch.")]
    assert len({head["id"] for head in [*posts, *patches]}) == 6
    assert broken(posts) == broken(patches, kind="patch") == []
    # What we encode of the same parts is read back as the same parts.
    assert parse_multipart(encode_multipart(parts, "b" * 24), "multipart/form-data; boundary=" + "b" * 24) == parts


def test_a_moved_run_of_the_sdk_breaks_no_rule(wire: Wire) -> None:
    now = dt.datetime.now(tz=dt.UTC)
    start = now - dt.timedelta(days=3)
    root = RunTree(
        name="root",
        id=uuid7_from_datetime(start),
        start_time=start,
        ls_client=client_of(wire, auto_batch_tracing=False),
        replicas=[],
    )
    root.end(outputs={})
    root.post()
    (run,) = wire.json("POST")
    delta = delta_for(start, start, now)
    assert delta is not None
    assert broken([run])
    assert broken([retime(run, delta)]) == []


def test_feedback_of_the_sdk_breaks_no_rule(wire: Wire) -> None:
    (run,) = a_trace(children=0)
    client_of(wire, auto_batch_tracing=False).create_feedback(
        run_id=run["id"],
        trace_id=run["trace_id"],
        session_id=run["id"],
        start_time=run["start_time"],
        key="quality",
        score=0.5,
        comment="good",
    )
    (feedback,) = wire.json("POST")
    assert (feedback["key"], validate_feedback(feedback)) == ("quality", [])


def test_our_feedback_is_the_sdks() -> None:
    (run,) = a_trace(children=0)
    for score in feedback_of(
        a_result(an_assertion()),
        run_id=run["id"],
        trace_id=run["trace_id"],
        session_id=run["id"],
        start_time=run["start_time"],
        evaluator_run_id=run["id"],
    ):
        held = schemas.FeedbackCreate.model_validate(score)
        assert (str(held.id), held.key, held.score, str(held.trace_id)) == (
            score["id"],
            score["key"],
            score.get("score"),
            run["trace_id"],
        )


def test_our_runs_are_the_sdks() -> None:
    for run in a_trace():
        held = schemas.Run.model_validate({**run, "session_id": UUID(int=1)})
        assert {name: getattr(held, name) for name in ("name", "run_type", "dotted_order", "outputs")} == {
            name: run[name] for name in ("name", "run_type", "dotted_order", "outputs")
        }
        assert (str(held.id), str(held.trace_id)) == (run["id"], run["trace_id"])
        assert held.metadata == run["extra"]["metadata"]


def test_our_uuid7_is_of_the_millisecond_that_the_sdk_writes() -> None:
    moment = dt.datetime(2026, 11, 30, 12, 0, 0, 123_456, tzinfo=dt.UTC)
    floor = moment.replace(microsecond=123_000)
    assert uuid7_millisecond(str(uuid7_from_datetime(moment))) == uuid7_millisecond(uuid7_at(moment, "s")) == floor
    assert UUID(uuid7_at(moment, "s")).version == uuid7_from_datetime(moment).version == 7


def test_every_number_of_the_sdks_usage_is_read() -> None:
    names = schemas.UsageMetadata.__annotations__.keys()
    stated = {name: ({"cache_read": 1.0} if name.endswith("_details") else 2.0) for name in names}
    usage = usage_of({"metadata": {"usage_metadata": stated}}, None)
    assert usage is not None
    numbers = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    costs = (usage.prompt_cost, usage.completion_cost, usage.total_cost)
    assert (numbers, costs) == ((2, 2, 2), (2.0, 2.0, 2.0))
    assert len(usage.details) == len([name for name in names if name.endswith("_details")]) == 4


def test_usage_that_langchain_reports_is_read(wire: Wire) -> None:
    client = client_of(wire, auto_batch_tracing=False)
    tokens: Any = {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}
    model = GenericFakeChatModel(messages=iter([AIMessage("hello", usage_metadata=tokens)]))
    with tracing_context(enabled=True, client=client, project_name="p"):
        model.invoke("hi")
    (patch,) = wire.json("PATCH")
    usage = usage_of(patch.get("extra"), patch["outputs"])
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (7, 5, 12)
