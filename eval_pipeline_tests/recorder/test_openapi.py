"""What the SDK sends and what the recorder answers, against LangSmith's published OpenAPI document.

The document (2 MB) lies beside the checkout or in EVAL_PIPELINE_SHARED_DATA; without it these are skipped.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from langchain_core.prompts import ChatPromptTemplate
from langsmith import Client

from eval_pipeline.langsmith.protocol.wire import decompress, parse_multipart
from eval_pipeline.recorder.config import InfoProfile, RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.recorder.store.journal import JournalEntry
from eval_pipeline_tests.langsmith.openapi import document, needs_document, present, template, violations
from eval_pipeline_tests.recorder.frames import a_client, a_run

pytestmark = [
    needs_document,
    pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed after Jan 31, 2027:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The following arguments are no longer used in the create_feedback endpoint"),
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]

EXTRAS = {
    # Sent by SDK 0.14.17, not in the document of 2026-08-17.
    "POST /api/v1/sessions": {"evaluator_keys", "num_examples", "num_repetitions", "address"},
    "POST /api/v1/feedback": {"extend_trace_retention", "address", "feedback_thread_id"},
}


@pytest.fixture(params=[InfoProfile.MODERN, InfoProfile.NO_ZSTD], ids=str)
def journal(request: pytest.FixtureRequest) -> Iterator[tuple[list[JournalEntry], RecorderServer]]:
    """Every writing request of a tour through the SDK."""
    config = RecorderConfig(profile=request.param, journal_bytes=50_000_000)
    with RecorderServer(config=config) as server:
        client = a_client(server)
        tour(client)
        client.close()
        yield list(server.recorder.journal.entries()), server


def tour(client: Client) -> None:
    dataset = client.create_dataset("cases", description="d", metadata={"a": 1})
    client.create_examples(
        dataset_id=dataset.id, examples=[{"inputs": {"n": n}, "reference_outputs": {"m": n}} for n in range(3)]
    )
    (first, *_) = client.list_examples(dataset_id=dataset.id)
    client.update_example(first.id, inputs={"n": 9}, dataset_id=dataset.id)
    version = client.read_dataset_version(dataset_id=dataset.id, tag="latest")
    client.update_dataset_tag(dataset_id=dataset.id, as_of=version.as_of, tag="pinned")
    scores: list[Any] = [lambda outputs: {"key": "ok", "score": 1, "comment": str(outputs)}]
    summaries: list[Any] = [lambda outputs: {"key": "all", "score": len(outputs)}]
    results = client.evaluate(
        lambda inputs: {"m": inputs["n"]}, data="cases", evaluators=scores, summary_evaluators=summaries
    )
    client.flush(timeout=10)
    project = client.read_project(project_name=results.experiment_name)
    list(client.list_runs(project_id=project.id, is_root=True))
    run = a_run()
    client.create_run("alone", {"a": 1}, "chain", id=run["id"], start_time=datetime.now(UTC))
    client.update_run(run["id"], outputs={"b": 1}, end_time=datetime.now(UTC))
    client.create_feedback(run_id=run["id"], session_id=project.id, start_time=datetime.now(UTC), key="k", score=0.5)
    queue = client.create_annotation_queue(name="failing", rubric_items=[{"feedback_key": "k"}])
    (root, *_) = client.list_runs(project_id=project.id, is_root=True)
    key: Any = {"run_id": root.id, "session_id": project.id, "start_time": root.start_time}
    client.add_runs_to_annotation_queue(queue.id, runs=[key])
    client.push_prompt("judge", object=ChatPromptTemplate.from_template("{question}"), commit_tags=["prod"])


def test_what_the_sdk_writes_is_as_published_and_reaches_a_published_route(
    journal: tuple[list[JournalEntry], RecorderServer],
) -> None:
    entries, _ = journal
    checked = set()
    for entry in entries:
        path = template(entry.path)
        assert path is not None, f"{entry.method} {entry.path} is not published"
        operation = document()["paths"][path][entry.method.lower()]
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content or not entry.headers.get("content-type", "json").endswith("json"):
            continue
        body = orjson.loads(entry.body)
        name = f"{entry.method} {path}"
        if isinstance(body, dict):
            body = {key: value for key, value in present(body).items() if key not in EXTRAS.get(name, ())}
        assert violations(content["application/json"]["schema"], body) == [], name
        assert entry.status < 300, name
        checked.add(name)
    assert {"POST /api/v1/datasets", "POST /api/v1/sessions", "POST /api/v1/runs/query"} <= checked


def test_the_runs_of_a_frame_are_as_published(
    journal: tuple[list[JournalEntry], RecorderServer],
) -> None:
    entries, _ = journal
    frames = [entry for entry in entries if entry.path.endswith("/runs/multipart")]
    assert frames
    schema = document()["paths"]["/runs/batch"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    for frame in frames:
        body = decompress(frame.body, frame.headers.get("content-encoding"), limit=10**8)
        parts = parse_multipart(body, frame.headers["content-type"])
        for kind in ("post", "patch"):
            runs = [present(orjson.loads(part.data)) for part in parts if re.fullmatch(rf"{kind}\.[^.]+", part.name)]
            assert violations(schema, {kind: runs}) == []


@pytest.mark.parametrize(
    "path",
    [
        "/info",
        "/sessions?limit=1",
        "/sessions?include_stats=true",
        "/sessions/{session}?include_stats=true",
        "/datasets",
        "/datasets/{dataset}",
        "/datasets/{dataset}/versions",
        "/datasets/{dataset}/version?tag=pinned",
        "/datasets/{dataset}/versions/diff?from_version=pinned&to_version=latest",
        "/datasets/{dataset}/splits",
        "/examples?dataset={dataset}",
        "/examples/{example}",
        "/runs/{run}",
        "/feedback",
        "/annotation-queues",
        "/annotation-queues/{queue}",
        "/annotation-queues/{queue}/runs",
        "/annotation-queues/{queue}/run/0",
        "/annotation-queues/{queue}/size",
        "/settings",
        "/repos",
        "/repos/-/judge",
        "/repos/-/judge/tags",
        "/commits/-/judge",
        "/commits/-/judge/latest",
    ],
)
def test_an_answer_is_as_published(filled: RecorderServer, path: str) -> None:
    recorder = filled.recorder
    dataset = recorder.datasets.find()[0]["id"]
    wire_path = path.format(
        session=recorder.sessions.find(reference_free=False)[0]["id"],
        dataset=dataset,
        example=recorder.examples.find(dataset_id=dataset)[0]["id"],
        queue=recorder.queues.find()[0]["id"],
        run=recorder.database.rows("SELECT id FROM runs WHERE reference_example_id IS NOT NULL")[0]["id"],
    )
    known = template(wire_path)
    assert known is not None
    answer = httpx.get(filled.url + wire_path)
    schema = document()["paths"][known]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer.status_code == 200
    assert violations(schema, answer.json()) == []


@pytest.fixture(scope="module")
def filled() -> Iterator[RecorderServer]:
    with RecorderServer() as server:
        client = a_client(server)
        tour(client)
        client.close()
        yield server
