"""Every parameter and field is implemented, or refused by its name."""

import datetime as dt
import inspect
import re
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from langsmith import Client

from eval_pipeline.recorder.app import API_ROUTES
from eval_pipeline.recorder.routes.bodies import BODIES, KINDS, UNCHECKED
from eval_pipeline.recorder.routes.refusals import HINTS
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.langsmith.openapi import document, needs_document
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs

_KINDS = ("data_type", "tags", "repo_type")
_TEXTS = frozenset(
    ["name", "name_contains", "query", "key", "source", "id", "ids", "run", "session", "reference_dataset", *_KINDS]
)
"""Parameters that are implemented, and take any text; nothing has the one that is sent."""
_HTTP = httpx.Client(trust_env=False)
"""One client: httpx's functions load the certificates of the system for each request."""
DATASET = "00000000-0000-4000-8000-0000000000d5"


def _get(server: RecorderServer, path: str, **parameters: Any) -> Any:
    answer = _HTTP.get(f"{server.url}{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def examples(server: RecorderServer) -> RecorderServer:
    """Three examples of a dataset."""
    _HTTP.post(
        f"{server.url}/datasets", json={"id": DATASET, "name": "d", "data_type": "kv", "metadata": {"team": "a"}}
    )
    _HTTP.post(f"{server.url}/datasets", json={"name": "e", "data_type": "llm"})
    for number, (text, kind) in enumerate([("Wo ist das Café?", "easy"), ("東京", "hard"), ("tea", "hard")]):
        body = {"dataset_id": DATASET, "inputs": {"q": text, "n": number}, "outputs": {}, "metadata": {"kind": kind}}
        _HTTP.post(f"{server.url}/examples", json=body).raise_for_status()
    return server


def test_examples_are_filtered_searched_ordered_and_counted(examples: RecorderServer) -> None:
    def numbers(**parameters: Any) -> list[int]:
        return [example["inputs"]["n"] for example in _get(examples, "/examples", dataset=DATASET, **parameters)]

    assert numbers() == [0, 1, 2]
    assert numbers(filter='has(metadata, \'{"kind": "hard"}\')') == [1, 2]
    assert numbers(filter='and(eq(input_key, "n"), gt(input_value, 1))') == [2]
    assert numbers(metadata='{"kind": "easy"}') == [0]
    assert numbers(full_text_contains=["café"]) == [0]
    assert numbers(full_text_contains=["東京", "hard"]) == [1]
    assert numbers(order="recent") == [2, 1, 0]
    assert numbers(order="random", random_seed=3) == numbers(order="random", random_seed=3)
    assert _get(examples, "/examples/count", dataset=DATASET, metadata='{"kind": "hard"}') == 2
    assert _get(examples, "/examples/count", dataset=DATASET, filter='has(metadata, "kind")') == 3
    assert list(_get(examples, "/examples", dataset=DATASET, select=["metadata"])[0]) == ["id", "metadata"]


@pytest.mark.parametrize("filter_", ["THIS IS NOT A FILTER (((", "gt(latency, 5)", 'eq(name, "x")'])
def test_a_filter_that_examples_do_not_have_is_refused(examples: RecorderServer, filter_: str) -> None:
    answer = _HTTP.get(f"{examples.url}/examples", params={"dataset": DATASET, "filter": filter_})
    assert (answer.status_code, "Invalid filter" in answer.text) == (400, True)


def test_datasets_and_projects_are_filtered_and_sorted(examples: RecorderServer) -> None:
    def names(path: str, **parameters: Any) -> list[str]:
        return [item["name"] for item in _get(examples, path, **parameters)]

    assert names("/datasets", metadata='{"team": "a"}') == ["d"]
    assert names("/datasets", data_type="llm") == ["e"]
    assert names("/datasets", sort_by="name", sort_by_desc=False) == ["d", "e"]
    for name in ("b", "a"):
        _HTTP.post(f"{examples.url}/sessions", json={"name": name})
    assert names("/sessions", sort_by="name", sort_by_desc=False) == ["a", "b", "default"]
    answer = _HTTP.get(f"{examples.url}/sessions", params={"sort_by": "latency_p50"})
    assert (answer.status_code, "'latency_p50' is not implemented" in answer.text) == (400, True)


def test_prompts_are_filtered_and_a_tag_may_look_like_a_hash(server: RecorderServer) -> None:
    for name, public, tags in (("one", True, ["x"]), ("two", False, [])):
        _HTTP.post(f"{server.url}/repos/", json={"repo_handle": name, "is_public": public, "tags": tags})
    assert [repo["repo_handle"] for repo in _get(server, "/repos/", is_public="true")["repos"]] == ["one"]
    assert [repo["repo_handle"] for repo in _get(server, "/repos", tags=["x"])["repos"]] == ["one"]
    model: dict[str, Any] = {
        "id": ["langchain", "schema", "runnable", "RunnableSequence"],
        "kwargs": {"first": {"p": 1}},
    }
    commit = _HTTP.post(f"{server.url}/commits/-/one", json={"manifest": model}).json()["commit"]
    _HTTP.post(f"{server.url}/repos/-/one/tags", json={"tag_name": "20261130", "commit_id": commit["id"]})
    assert _get(server, "/commits/-/one/20261130")["manifest"] == {"p": 1}
    assert _get(server, "/commits/-/one/20261130", include_model="true")["manifest"] == model


def test_roots_are_asked_for_by_their_order_of_execution(server: RecorderServer) -> None:
    root = a_run()
    post_runs(server, root, a_run(root))
    session = _get(server, "/sessions", name="plain")[0]["id"]
    answer = _HTTP.post(f"{server.url}/runs/query", json={"session": [session], "execution_order": 1}).json()
    assert [run["id"] for run in answer["runs"]] == [root["id"]]
    for body in ({"execution_order": 2}, {"limit": -1}, {"data_source_type": "historical"}, {"filter": "and(eq())"}):
        assert _HTTP.post(f"{server.url}/runs/query", json={"session": [session], **body}).status_code == 400


def test_a_run_without_an_id_gets_one(server: RecorderServer) -> None:
    start = dt.datetime.now(tz=dt.UTC).isoformat()
    body = {"name": "js", "run_type": "chain", "inputs": {}, "start_time": start, "session_name": "plain"}
    assert _HTTP.post(f"{server.url}/runs", json=body).status_code == 202
    session = _get(server, "/sessions", name="plain")[0]["id"]
    (run,) = _HTTP.post(f"{server.url}/runs/query", json={"session": [session]}).json()["runs"]
    assert (run["name"], run["trace_id"]) == ("js", run["id"])


@pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed:DeprecationWarning")
def test_threads_are_listed_with_their_turns_and_totals(server: RecorderServer) -> None:
    start = dt.datetime.now(tz=dt.UTC) - dt.timedelta(minutes=5)
    for number in range(3):
        thread = "t-1" if number < 2 else "t-2"
        began = start + dt.timedelta(seconds=number)
        extra = {"metadata": {"thread_id": thread}}
        error: dict[str, Any] = {"error": "no luck"} if number == 1 else {}
        post_runs(server, a_run(start=began, extra=extra, **error))
    client = a_client(server)
    project = client.read_project(project_name="plain").id
    listed = client.list_threads(project_name="plain")
    assert [(thread["thread_id"], thread["count"]) for thread in listed] == [("t-2", 1), ("t-1", 2)]
    queried = _HTTP.post(f"{server.url}/api/v2/threads/query", json={"project_id": str(project)}).json()["items"]
    assert [(each["thread_id"], each["count"], each["num_errored_turns"]) for each in queried] == [
        ("t-2", 1, 0),
        ("t-1", 2, 1),
    ]
    turns = _get(server, "/api/v2/threads/t-1/traces", project_id=project, selects=["NAME", "TURN_NUMBER"])["items"]
    assert [turn["turn_number"] for turn in turns] == [1, 2]
    assert _get(server, "/api/v2/threads/t-1/stats", session_id=project, selects=["TURNS"]) == {"turns": 2}
    client.close()


@pytest.mark.parametrize("path", ["/examples", "/datasets", "/sessions", "/repos", "/feedback", "/api/v1/sessions"])
def test_a_parameter_that_is_not_implemented_is_named(server: RecorderServer, path: str) -> None:
    answer = _HTTP.get(f"{server.url}{path}", params={"colour": "red"})
    assert (answer.status_code, "'colour' is not implemented" in answer.text) == (400, True)


@pytest.mark.parametrize(("method", "path"), sorted(BODIES), ids=str)
def test_a_field_that_is_not_implemented_is_named(server: RecorderServer, method: str, path: str) -> None:
    filled = path.replace("{owner}", "-").replace("{repo}", "r").replace("{tag}", "t")
    filled = re.sub(r"\{\w+\}", DATASET, filled)
    answer = _HTTP.request(method, f"{server.url}{filled}", json={"colour": "red"})
    assert (answer.status_code, "'colour' is not implemented" in answer.text) == (400, True)


def test_the_fields_of_each_writing_route_are_listed() -> None:
    """Or the route stands among those whose bodies are checked elsewhere."""
    served = {
        (method, f"{version}{route.path}")
        for version, routes in API_ROUTES
        for route in routes
        if _reads_a_body(route)
        for method in route.methods or ()
    }
    assert served - UNCHECKED == set(BODIES)


def _reads_a_body(route: APIRoute) -> bool:
    return "body" in inspect.signature(route.endpoint).parameters or route.path == "/runs/multipart"


def test_what_each_field_holds_is_listed() -> None:
    assert set(KINDS) == {name for fields in BODIES.values() for name in fields}


@needs_document
def test_each_documented_field_is_listed_or_refused_by_name(server: RecorderServer) -> None:
    """Of every writing route that is served; the routes of traces keep what LangSmith keeps (`UNCHECKED`)."""
    ignored, refused = [], 0
    for (method, path), fields in BODIES.items():
        published = document()["paths"].get(f"/api/v1{path}", {})
        content = published.get(method.lower(), {}).get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue  # a route that only the SDK knows
        filled = re.sub(r"\{\w+\}", DATASET, path)
        for name in _documented(content["application/json"]["schema"]) - fields:
            answer = _HTTP.request(method, f"{server.url}{filled}", json={name: "x"})
            refused += 1
            if answer.status_code != 400 or repr(name) not in answer.text:
                ignored.append((method, path, name))
    assert ignored == []
    assert refused > 10


def _documented(schema: Any) -> set[str]:
    """The names of the properties of a schema, of lists those of its items."""
    if "$ref" in schema:
        return _documented(document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    names = set(schema.get("properties", ()))
    for inner in [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]:
        names |= _documented(inner)
    return names


@needs_document
def test_each_documented_parameter_is_implemented_or_refused_by_name(server: RecorderServer) -> None:
    """Of every reading route that is served; names that change nothing are listed in `HINTS`."""
    ignored = []
    for path, operations in document()["paths"].items():
        parameters = operations.get("get", {}).get("parameters", ())
        names = [each["name"] for each in parameters if each.get("in") == "query"]
        filled = "/".join(DATASET if part.startswith("{") else part for part in path.split("/"))
        bare = _HTTP.get(f"{server.url}{filled}")
        if bare.status_code == 404 and bare.json().get("detail") == "Not Found":
            continue  # not served
        for name in set(names) - HINTS:
            answer = _HTTP.get(f"{server.url}{filled}", params={name: "\0no value of any type\0"})
            if answer.status_code == bare.status_code == 200 and answer.json() == bare.json():
                ignored.append((path, name))
    assert [each for each in ignored if each[1] not in _TEXTS] == []


def test_the_sdk_sends_nothing_that_is_refused(server: RecorderServer) -> None:
    client = Client(api_url=server.url, api_key="any", web_url=server.url)
    client.create_dataset("cases")
    assert list(client.list_examples(dataset_name="cases", filter='has(metadata, "a")')) == []
    assert [dataset.name for dataset in client.list_datasets(metadata={"a": 1})] == []
    assert list(client.list_projects(reference_free=True, name_contains="x")) == []
    assert list(client.list_prompts().repos) == []
    client.close()
