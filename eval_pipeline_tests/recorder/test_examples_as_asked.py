"""Examples: schemas of their dataset, attachments that are renamed and retained, inputs and outputs of a run."""

from typing import Any

import httpx
import pytest
from langsmith import schemas

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}


def _dataset(server: RecorderServer, **fields: Any) -> str:
    answer = httpx.post(f"{server.url}/datasets", json={"name": "d", **fields})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def test_examples_that_a_schema_does_not_accept_are_refused(server: RecorderServer) -> None:
    dataset = _dataset(server, inputs_schema_definition=SCHEMA, outputs_schema_definition={"required": ["a"]})
    post = {"dataset_id": dataset, "inputs": {"q": "x"}, "outputs": {"a": 1}}
    made = httpx.post(f"{server.url}/examples", json=post)
    assert made.status_code == 200
    refused: list[dict[str, Any]] = [{"inputs": {"q": 1}}, {"inputs": {}}, {"outputs": {"b": 1}}]
    for wrong in refused:
        assert httpx.post(f"{server.url}/examples", json={**post, **wrong}).status_code == 422
        assert httpx.patch(f"{server.url}/examples/{made.json()['id']}", json=wrong).status_code == 422
    assert httpx.get(f"{server.url}/examples/count", params={"dataset": dataset}).json() == 1


def test_transformations_are_refused_by_name(server: RecorderServer) -> None:
    answer = httpx.post(f"{server.url}/datasets", json={"name": "d", "transformations": [{"path": ["a"]}]})
    assert (answer.status_code, "'transformations'" in answer.text) == (400, True)


def test_an_example_takes_what_a_run_read_and_returned(server: RecorderServer) -> None:
    run = a_run()
    post_runs(server, run)
    body = {"dataset_id": _dataset(server), "source_run_id": run["id"], "use_source_run_io": True}
    example = httpx.post(f"{server.url}/examples", json=body).json()
    assert (example["inputs"], example["outputs"]) == (run["inputs"], run["outputs"])


def test_examples_of_another_dataset_are_a_conflict(server: RecorderServer) -> None:
    first, second = _dataset(server), _dataset(server, name="e")
    made = httpx.post(f"{server.url}/examples", json={"dataset_id": first, "inputs": {}}).json()["id"]
    with pytest.raises(ErrorResponse, match="another dataset") as refusal:
        server.recorder.examples.update(second, [{"id": made}])
    assert refusal.value.status == 409


def test_attachments_are_renamed_retained_and_removed(server: RecorderServer) -> None:
    client = a_client(server)
    dataset = client.create_dataset("d")
    new: Any = schemas.ExampleCreate
    change: Any = schemas.ExampleUpdate
    files = {name: ("text/plain", name.encode()) for name in ("a", "b", "c")}
    (made,) = client.create_examples(dataset_id=dataset.id, examples=[new(inputs={"q": 1}, attachments=files)])[
        "example_ids"
    ]
    operations = schemas.AttachmentsOperations(rename={"a": "first"}, retain=["b"])
    client.update_examples(dataset_id=dataset.id, updates=[change(id=made, attachments_operations=operations)])
    (example,) = client.list_examples(dataset_id=dataset.id, include_attachments=True)
    assert sorted(example.attachments or {}) == ["b", "first"]
    client.close()
