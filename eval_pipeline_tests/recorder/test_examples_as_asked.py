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


def test_transformations_are_done_before_an_example_is_stored(server: RecorderServer) -> None:
    schema: dict[str, Any] = {"properties": {"messages": {}, "tools": {}}}
    steps = [
        {"path": ["inputs", "messages"], "transformation_type": "convert_to_openai_message"},
        {"path": ["inputs", "messages"], "transformation_type": "remove_system_messages"},
        {"path": ["inputs", "tools"], "transformation_type": "extract_tools_from_run"},
        {"path": ["inputs", "tools"], "transformation_type": "convert_to_openai_tool"},
        {"path": ["inputs"], "transformation_type": "remove_extra_fields"},
        {"path": ["outputs", "answer"], "transformation_type": "convert_to_openai_message"},
    ]
    dataset = _dataset(server, inputs_schema_definition=schema, transformations=steps)
    tool = {"name": "look", "description": "d", "input_schema": {"type": "object", "properties": {}}}
    run = a_run(extra={"invocation_params": {"tools": [tool]}})
    post_runs(server, run)
    serialized = {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"]}
    messages = [["system", "Be brief."], {**serialized, "kwargs": {"content": "Hi", "type": "human"}}]
    answer = {"type": "ai", "data": {"content": "Hello"}}
    body = {"inputs": {"messages": messages, "debug": 1}, "outputs": {"answer": answer}, "source_run_id": run["id"]}
    example = httpx.post(f"{server.url}/examples", json={"dataset_id": dataset, **body}).json()
    assert example["inputs"] == {
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [
            {
                "type": "function",
                "function": {"name": "look", "description": "d", "parameters": tool["input_schema"]},
            }
        ],
    }
    assert example["outputs"] == {"answer": {"role": "assistant", "content": "Hello"}}
    httpx.patch(f"{server.url}/examples/{example['id']}", json={"inputs": {"messages": [["user", "Bye"]], "x": 1}})
    changed = httpx.get(f"{server.url}/examples/{example['id']}").json()["inputs"]
    assert changed == {"messages": [{"role": "user", "content": "Bye"}]}


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"path": ["a"], "transformation_type": "remove_extra_fields"}, "begins with inputs or outputs"),
        ({"path": ["inputs"], "transformation_type": "shout"}, "'shout' is not one of"),
    ],
)
def test_a_transformation_that_does_not_exist_is_refused(
    server: RecorderServer, step: dict[str, Any], text: str
) -> None:
    answer = httpx.post(f"{server.url}/datasets", json={"name": "d", "transformations": [step]})
    assert (answer.status_code in (400, 422), text in answer.text) == (True, True)


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


@pytest.mark.parametrize(
    ("operations", "text"),
    [
        ({"retain": ["a"], "rename": {"b": "a"}}, "two attachments would be named 'a'"),
        ({"retain": ["a"], "rename": {"a": "b"}}, "'a' is both renamed and retained"),
        ({"retain": ["z"]}, "it has no attachment 'z'"),
        ({"keep": ["a"]}, "unknown 'keep'"),
        ({"retain": {"a": 1}}, "retain lists names"),
    ],
)
def test_operations_that_would_lose_an_attachment_are_refused(
    server: RecorderServer, operations: dict[str, Any], text: str
) -> None:
    client = a_client(server)
    files = {name: ("text/plain", name.encode()) for name in ("a", "b")}
    new: Any = schemas.ExampleCreate
    dataset = client.create_dataset("d").id
    (example,) = client.create_examples(dataset_id=dataset, examples=[new(inputs={}, attachments=files)])["example_ids"]
    body = {"attachments_operations": operations}
    answer = httpx.patch(f"{server.url}/examples/{example}", json=body)
    assert (answer.status_code, text in answer.text) == (422, True)
    assert set(client.read_example(example).attachments or {}) == {"a", "b"}
    client.close()


def test_new_attachments_without_operations_replace_the_old_ones(server: RecorderServer) -> None:
    client = a_client(server)
    new: Any = schemas.ExampleCreate
    change: Any = schemas.ExampleUpdate
    dataset = client.create_dataset("d").id
    first = new(inputs={}, attachments={"a": ("text/plain", b"a")})
    (example,) = client.create_examples(dataset_id=dataset, examples=[first])["example_ids"]
    update = change(id=example, attachments={"b": ("text/plain", b"b")})
    client.update_examples(dataset_id=dataset, updates=[update])
    assert set(client.read_example(example).attachments or {}) == {"b"}
    client.close()


def test_an_example_takes_named_attachments_of_a_run(server: RecorderServer) -> None:
    client = a_client(server)
    run = a_run()
    client.create_run(**{**run, "project_name": "plain", "attachments": {"f": ("text/plain", b"of the run")}})
    client.flush(timeout=10)
    body = {"dataset_id": _dataset(server), "inputs": {}, "source_run_id": run["id"]}
    example = httpx.post(f"{server.url}/examples", json={**body, "use_source_run_attachments": ["f"]}).json()
    assert httpx.get(example["attachment_urls"]["attachment.f"]["presigned_url"]).content == b"of the run"
    refused = httpx.post(f"{server.url}/examples", json={**body, "use_source_run_attachments": ["g"]})
    assert (refused.status_code, "'g'" in refused.text) == (404, True)
    client.close()
