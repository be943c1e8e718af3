"""The rules, and what the client sends, against LangSmith's published OpenAPI document instead of the recorder."""

import re
from typing import Any
from uuid import UUID

import orjson
import pytest

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.datasets import SyncedDataset
from eval_pipeline.langsmith.experiments import session_body
from eval_pipeline.langsmith.protocol.rules import MAX_FEEDBACK_KEY_LENGTH, RUN_TYPES, validate_feedback
from eval_pipeline.langsmith.protocol.usage import usage_of
from eval_pipeline.langsmith.protocol.wire import parse_multipart
from eval_pipeline.tracing.experiment.dataset_sync import example_of
from eval_pipeline.tracing.experiment.feedback import feedback_of, summary_feedback
from eval_pipeline.tracing.experiment.setup import set_up
from eval_pipeline.tracing.send.queued_item import encode_frame, feedback_item, run_item
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline_tests.langsmith.openapi import document, needs_document, schema, template, violations
from eval_pipeline_tests.tracing.datasets import REDACTOR, a_case, a_plan
from eval_pipeline_tests.tracing.experiment.test_feedback import a_result, an_assertion
from eval_pipeline_tests.tracing.recorder_fixtures import MakeSettings
from eval_pipeline_tests.tracing.sample_runs import a_score, a_trace

pytestmark = needs_document

A_DATASET = UUID("018f0000-0000-7000-8000-00000000000d")


def sent_run(run: dict[str, Any]) -> dict[str, Any]:
    """A run as the server puts it together from its parts."""
    item = run_item(run, graft=False, redactor=REDACTOR)
    return {**item.head, **{name: orjson.loads(data) for name, data in item.payload.items()}}


def test_run_types_are_the_published_ones() -> None:
    assert set(schema("RunTypeEnum")["enum"]) == RUN_TYPES
    assert set(schema("runs.Run")["properties"]["run_type"]["enum"]) == RUN_TYPES


def test_the_longest_feedback_key_is_the_published_one() -> None:
    assert schema("FeedbackCreateSchema")["properties"]["key"]["maxLength"] == MAX_FEEDBACK_KEY_LENGTH


@pytest.mark.parametrize("key", ["k", "k" * MAX_FEEDBACK_KEY_LENGTH, "k" * (MAX_FEEDBACK_KEY_LENGTH + 1)])
def test_a_feedback_is_refused_where_the_published_schema_refuses_it(key: str) -> None:
    refused = bool(violations(schema("FeedbackCreateSchema"), {"key": key}))
    assert bool(validate_feedback({"key": key})) is refused


@pytest.mark.parametrize("fields", [{}, {"error": "it broke", "run_type": "llm", "tags": ["a"]}])
def test_a_run_that_is_sent_has_published_fields_of_published_types(fields: dict[str, Any]) -> None:
    for run in a_trace(**fields):
        sent = sent_run(run)
        assert violations(schema("runs.Run"), sent) == []
        assert sent.keys() <= schema("runs.Run")["properties"].keys()


def test_a_wrong_run_type_breaks_the_published_schema_too() -> None:
    (run,) = a_trace(children=0, run_type="agent")
    assert violations(schema("runs.Run"), sent_run(run))


def test_the_parts_of_a_frame_are_named_as_published() -> None:
    run, child = a_trace(children=1)
    items = [run_item(each, graft=False, redactor=REDACTOR) for each in (run, child)]
    body, headers = encode_frame([*items, feedback_item(a_score(run), redactor=REDACTOR)], compress=False)
    operation = document()["paths"]["/runs/multipart"]["post"]
    fields = "inputs|outputs|events|error|extra|serialized"
    parts = parse_multipart(body, headers["Content-Type"])
    assert all(f"`{field}`" in operation["description"] for field in fields.split("|"))
    assert all(re.fullmatch(rf"post\.[0-9a-f-]{{36}}(\.({fields}))?|feedback\.[0-9a-f-]{{36}}", p.name) for p in parts)
    # "every part must set `Content-Type` and either a `Content-Length` header or `length` parameter"
    assert body.count(b"Content-Type: ") == body.count(b"Content-Length: ") == len(parts)
    # "JSON feedback payload (must include `trace_id`)"
    assert [orjson.loads(part.data)["trace_id"] for part in parts if part.name.startswith("feedback.")] == [run["id"]]


def test_scores_are_published_feedback() -> None:
    result = a_result(an_assertion(), an_assertion("tone", turn=1, label="rude"))
    (run,) = a_trace(children=0)
    scores = feedback_of(
        result,
        run_id=run["id"],
        trace_id=run["trace_id"],
        session_id="018f0000-0000-7000-8000-000000000001",
        start_time=run["start_time"],
        evaluator_run_id=run["id"],
    )
    for score in [*scores, *summary_feedback("018f0000-0000-7000-8000-000000000001", {"pass_rate": 0.5})]:
        assert violations(schema("FeedbackCreateSchema"), score) == []
        assert score.keys() <= schema("FeedbackCreateSchema")["properties"].keys()


def test_a_project_is_created_with_published_fields() -> None:
    dataset = SyncedDataset(dataset_id=A_DATASET, name="desk", as_of=None)
    body = session_body(a_plan(evaluator_keys=("passed",)), dataset, REDACTOR)
    assert violations(schema("TracerSessionCreate"), body) == []
    assert body.keys() <= schema("TracerSessionCreate")["properties"].keys()


def test_an_example_is_created_with_published_fields() -> None:
    body = document()["paths"]["/api/v1/examples/bulk"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    example = {**example_of(a_case(1), A_DATASET, REDACTOR), "dataset_id": A_DATASET}
    assert violations(body, orjson.loads(orjson.dumps([example]))) == []


def test_what_the_client_reads_of_a_servers_info_is_published() -> None:
    assert {"size_limit", "size_limit_bytes"} <= schema("BatchIngestConfig")["properties"].keys()
    assert {"version", "batch_ingest_config", "instance_flags"} <= schema("InfoGetResponse")["properties"].keys()


def test_usage_has_the_published_names_of_a_runs_tokens_and_cost() -> None:
    usage = usage_of({"metadata": {"usage_metadata": {"input_tokens": 3, "output_tokens": 4}}}, {})
    assert usage is not None
    names = {name for name in vars(usage) if name != "details"}
    assert names <= schema("RunSchema")["properties"].keys()


def test_every_request_of_an_experiment_reaches_a_published_route(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[tuple[str, str]] = []
    send = Connection.request

    def noted(self: Connection, method: str, path: str, **arguments: Any) -> Any:
        requests.append((method, path.removeprefix(self.destination.api_url)))
        return send(self, method, path, **arguments)

    monkeypatch.setattr(Connection, "request", noted)
    settings = make_settings()
    set_up(settings, a_plan(), [a_case(1)], redactor=REDACTOR)
    sender = SpoolingSender(settings)
    trace = a_trace()
    sender.send_runs(trace)
    sender.send_feedback([a_score(trace[0])])
    sender.close()
    assert {path for _, path in requests} >= {"/info", "/sessions", "/datasets", "/runs/multipart"}
    for method, path in requests:
        published = template(path)
        assert published is not None, path
        assert method.lower() in document()["paths"][published], f"{method} {path}"
