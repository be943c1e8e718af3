"""Routes that LangSmith's pages use: CSV, feedback configs, deltas, groups, and what is refused in words."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.langsmith.openapi import needs_document, schema, violations
from eval_pipeline_tests.recorder.frames import a_client, a_run, new_uuid, post_runs

_SOME_ID = "00000000-0000-4000-8000-000000000001"
_CSV = 'question,answer,kind\r\n"Who, me?","two\nlines",easy\r\nWo ist das Café?,da,hard\r\n'


@pytest.fixture
def http(server: RecorderServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def test_a_csv_file_is_uploaded_and_downloaded(server: RecorderServer, http: httpx.Client) -> None:
    client = a_client(server)
    file: Any = ("cases.csv", io.BytesIO(b"\xef\xbb\xbf" + _CSV.encode()))
    dataset = client.upload_csv(file, input_keys=["question"], output_keys=["answer"], name="from a file")
    examples = list(client.list_examples(dataset_id=dataset.id))
    assert [(example.inputs, example.outputs) for example in examples] == [
        ({"question": "Who, me?"}, {"answer": "two\nlines"}),
        ({"question": "Wo ist das Café?"}, {"answer": "da"}),
    ]
    lines = http.get(f"/datasets/{dataset.id}/csv").text.splitlines(keepends=True)
    assert lines[0] == "id,inputs.question,outputs.answer,metadata.dataset_split\r\n"
    assert lines[-1] == f'{examples[1].id},Wo ist das Café?,da,"[""base""]"\r\n'
    json_lines = http.get(f"/datasets/{dataset.id}/jsonl").text.splitlines()
    assert len(json_lines) == 2
    client.close()


def test_a_dataset_without_a_name_has_that_of_its_file(http: httpx.Client) -> None:
    files = {"file": ("cases.csv", _CSV.encode(), "text/csv")}
    assert http.post("/datasets/upload", data={"input_keys": "question"}, files=files).json()["name"] == "cases.csv"


@pytest.mark.parametrize(
    ("fields", "file", "status", "text"),
    [
        ({"input_keys": "nothing"}, _CSV, 422, "no column 'nothing'; it has 'question', 'answer', 'kind'"),
        ({}, _CSV, 422, "input_keys are required"),
        ({"input_keys": "question", "colour": "red"}, _CSV, 400, "'colour' is not implemented"),
        ({"input_keys": "a"}, 'a,b\n1,"open', 422, "unexpected end of data"),
        ({"input_keys": "a"}, "a,b\n1,2,3\n", 422, "has not the 2 fields"),
        ({"input_keys": "a"}, "a,b\n1\n", 422, "has not the 2 fields"),
    ],
)
def test_a_csv_file_that_does_not_fit_is_refused(
    http: httpx.Client, fields: dict[str, str], file: str, status: int, text: str
) -> None:
    answer = http.post("/datasets/upload", data=fields, files={"file": ("a.csv", file.encode(), "text/csv")})
    assert (answer.status_code, text in answer.json().get("error", answer.text)) == (status, True)
    assert http.get("/datasets").json() == []


def test_feedback_configs_are_kept(http: httpx.Client) -> None:
    config = {"type": "continuous", "min": 0, "max": 1, "categories": None}
    body = {"feedback_key": "quality", "feedback_config": config}
    assert http.post("/feedback-configs", json=body).json()["feedback_config"] == config
    assert http.post("/feedback-configs", json=body).status_code == 200
    other = {**body, "feedback_config": {"type": "freeform"}}
    assert http.post("/feedback-configs", json=other).status_code == 409
    changed = http.patch("/feedback-configs", json={"feedback_key": "quality", "is_lower_score_better": True}).json()
    assert (changed["feedback_config"], changed["is_lower_score_better"]) == (config, True)
    assert [each["feedback_key"] for each in http.get("/feedback-configs", params={"key": "quality"}).json()] == [
        "quality"
    ]
    assert http.delete("/feedback-configs", params={"feedback_key": "quality"}).status_code == 204
    assert http.get("/feedback-configs").json() == []
    assert http.patch("/feedback-configs", json=body).status_code == 404


class Experiments:
    """Two experiments on one dataset with a score of each run, and the ids of its examples."""

    def __init__(self, server: RecorderServer, http: httpx.Client) -> None:
        self.dataset = http.post("/datasets", json={"name": "d"}).json()["id"]
        self.examples, self.sessions = [], []
        for number in range(3):
            body = {"dataset_id": self.dataset, "inputs": {"n": number}, "metadata": {"kind": "ab"[number % 2]}}
            self.examples.append(http.post("/examples", json=body).json()["id"])
        for name, scores in (("first", (0.5, 0.5, 0.5)), ("second", (1, 0.25, 0.5))):
            session = http.post("/sessions", json={"name": name, "reference_dataset_id": self.dataset}).json()["id"]
            self.sessions.append(session)
            for example, score in zip(self.examples, scores, strict=True):
                extra = {"metadata": {"model": name}}
                run = a_run(session_name=name, reference_example_id=example, extra=extra)
                post_runs(server, run)
                http.post("/feedback", json={"run_id": run["id"], "key": "quality", "score": score})


def test_the_examples_that_improved_and_regressed_are_listed(server: RecorderServer, http: httpx.Client) -> None:
    made = Experiments(server, http)
    first, second = made.sessions
    body = {"baseline_session_id": first, "comparison_session_ids": [second], "feedback_key": "quality"}
    answer = http.post(f"/datasets/{made.dataset}/runs/delta", json=body).json()
    improved, regressed, _ = made.examples
    assert answer == {"feedback_deltas": {second: {"improved_examples": [improved], "regressed_examples": [regressed]}}}
    config = {"feedback_key": "quality", "feedback_config": {"type": "continuous"}, "is_lower_score_better": True}
    http.post("/feedback-configs", json=config)
    turned = http.post(f"/datasets/{made.dataset}/runs/delta", json=body).json()["feedback_deltas"][second]
    assert turned == {"improved_examples": [regressed], "regressed_examples": [improved]}


@needs_document
def test_examples_with_runs_are_grouped_by_metadata(server: RecorderServer, http: httpx.Client) -> None:
    made = Experiments(server, http)
    body = {"session_ids": made.sessions, "group_by": "run_metadata", "metadata_key": "model", "per_group_limit": 2}
    answer = http.post(f"/datasets/{made.dataset}/group/runs", json=body).json()
    assert violations(schema("GroupedExamplesWithRunsResponse"), answer) == []
    groups = answer["groups"]
    assert [(group["group_key"], group["example_count"], len(group["examples"])) for group in groups] == [
        ("first", 3, 2),
        ("second", 3, 2),
    ]
    assert groups[1]["feedback_stats"]["quality"] == {"n": 3, "avg": pytest.approx(1.75 / 3)}
    by_example = http.post(
        f"/datasets/{made.dataset}/group/runs",
        json={"session_ids": made.sessions, "group_by": "example_metadata", "metadata_key": "kind"},
    ).json()["groups"]
    assert [(group["group_key"], group["example_count"], group["count"]) for group in by_example] == [
        ("a", 2, 4),
        ("b", 1, 2),
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", f"/runs/{_SOME_ID}/share"),
        ("PUT", f"/datasets/{_SOME_ID}/share"),
        ("GET", f"/public/{_SOME_ID}/run"),
        ("POST", "/feedback/tokens"),
        ("POST", "/likes/-/prompt"),
    ],
)
def test_what_a_local_server_cannot_do_is_refused_in_words(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path, json={})
    assert 400 <= answer.status_code < 500
    assert "the recorder" in answer.json()["detail"]


@pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed:DeprecationWarning")
def test_no_run_is_shared(server: RecorderServer) -> None:
    client = a_client(server)
    assert client.read_run_shared_link(new_uuid()) is None
    client.close()


def test_a_new_queue_takes_the_runs_of_its_sessions(server: RecorderServer, http: httpx.Client) -> None:
    made = Experiments(server, http)
    queue = http.post("/annotation-queues", json={"name": "q", "session_ids": made.sessions[:1]}).json()
    assert "rubric_instructions" not in queue
    assert http.get(f"/annotation-queues/{queue['id']}").json()["rubric_instructions"] is None
    assert http.get(f"/annotation-queues/{queue['id']}/size").json() == {"size": 3}


def test_times_of_runs_and_details_of_tokens_are_in_langsmiths_form(server: RecorderServer, http: httpx.Client) -> None:
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4, "input_token_details": {"cache_read": 2}}
    run = a_run(run_type="llm", extra={"metadata": {"usage_metadata": usage}})
    post_runs(server, run)
    session = http.get("/sessions", params={"name": "plain"}).json()[0]["id"]
    body = {"session": session, "select": ["prompt_tokens", "end_time"]}
    (listed,) = http.post("/runs/query", json=body).json()["runs"]
    assert listed["start_time"] == run["start_time"].removesuffix("+00:00")
    assert listed["prompt_token_details"] == {"cache_read": 2}


def test_the_cost_of_a_model_with_a_published_price_is_computed(server: RecorderServer, http: httpx.Client) -> None:
    usage = {"input_tokens": 1_000_000, "output_tokens": 1_000_000, "total_tokens": 2_000_000}
    model = {"ls_model_name": "gpt-4o-mini", "ls_provider": "openai", "usage_metadata": usage}
    stated = {**model, "usage_metadata": {**usage, "total_cost": 0}}
    unknown = {**model, "ls_model_name": "of-my-own", "ls_provider": None}
    runs = [a_run(run_type="llm", extra={"metadata": metadata}) for metadata in (model, stated, unknown)]
    post_runs(server, *runs, a_run(extra={"metadata": model}))
    patched = a_run(run_type="llm", extra={"metadata": {"ls_model_name": "gpt-4o-mini"}}, session_name="later")
    post_runs(server, patched)
    post_runs(server, {"id": patched["id"], "outputs": {"usage_metadata": usage}}, kind="patch")
    assert http.get(f"/runs/{patched['id']}").json()["total_cost"] == "0.75"
    costs = [http.get(f"/runs/{run['id']}").json()["total_cost"] for run in runs]
    assert costs == ["0.75", "0", None]
    session = http.get("/sessions", params={"name": "plain", "include_stats": True}).json()[0]
    assert session["total_cost"] == "0.75"
