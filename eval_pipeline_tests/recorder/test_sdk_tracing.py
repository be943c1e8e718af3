"""The SDK's ways to trace, each in every profile: what was sent is what can be read."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

import httpx
import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langsmith import Client, RunTree, traceable, tracing_context
from langsmith.utils import LangSmithNotFoundError

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import a_client, a_run, new_uuid, post_runs, with_client

pytestmark = pytest.mark.filterwarnings(
    # What the pipeline's users still call; the recorder has to answer it until the SDK drops it.
    "ignore:.*is deprecated and will be removed after Jan 31, 2027:DeprecationWarning",
)


def flush(client: Client, errors: list[Exception]) -> None:
    client.flush(timeout=10)
    assert errors == []


def test_created_and_updated_runs_are_read_back(client: Client, errors: list[Exception]) -> None:
    start = datetime.now(UTC)
    run = a_run(start=start)
    head = {key: run[key] for key in ("id", "trace_id", "dotted_order", "start_time", "name", "run_type", "inputs")}
    client.create_run(**head, project_name="plain", tags=["a"], extra={"metadata": {"case": 1}})
    client.update_run(
        run["id"],
        end_time=start + timedelta(seconds=2),
        outputs={"answer": 42},
        trace_id=run["trace_id"],
        dotted_order=run["dotted_order"],
    )
    flush(client, errors)
    session = client.read_project(project_name="plain")
    read = client.read_run(run["id"], project_id=session.id, start_time=start)
    assert read.inputs == {"question": "why?"}
    assert read.outputs == {"answer": 42}
    assert read.start_time.replace(tzinfo=UTC) == start
    assert read.end_time is not None
    assert (read.end_time - read.start_time) == timedelta(seconds=2)
    assert read.tags == ["a"]
    assert read.status.lower() == "success"
    assert read.session_id == session.id


def test_a_run_tree_becomes_one_trace(client: Client, any_profile: RecorderServer, errors: list[Exception]) -> None:
    root = RunTree(name="root", inputs={"q": 1}, session_name="trees", ls_client=client)
    root.post()
    child = root.create_child(name="child", run_type="llm", inputs={"p": 2})
    child.post()
    child.end(outputs={"usage_metadata": {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11}})
    child.patch()
    root.end(error="it broke")
    root.patch()
    flush(client, errors)
    read_root, read_child = any_profile.recorder.runs.of_trace(str(root.trace_id))
    assert (read_root["name"], read_root["status"], read_root["error"]) == ("root", "error", "it broke")
    assert (read_child["parent_run_id"], read_child["parent_run_ids"]) == (str(root.id), [str(root.id)])
    assert any_profile.recorder.runs.get(str(root.id))["total_tokens"] == 11
    assert any_profile.recorder.runs.get(str(root.id), subtree_usage=False)["total_tokens"] is None


def test_traceable_functions_nest(client: Client, any_profile: RecorderServer, errors: list[Exception]) -> None:
    @traceable(run_type="tool")
    def inner(number: int) -> int:
        return number + 1

    @traceable
    def outer(number: int) -> int:
        return inner(number) * 2

    with tracing_context(client=client, project_name="functions", enabled=True):
        assert outer(1) == 4
    flush(client, errors)
    runs = any_profile.recorder.database.rows("SELECT name, run_type, parent_id FROM runs ORDER BY dotted_order")
    assert [(run["name"], run["run_type"]) for run in runs] == [("outer", "chain"), ("inner", "tool")]
    assert runs[1]["parent_id"] is not None


class State(TypedDict):
    question: str
    answer: str


def test_a_langgraph_run_is_recorded_with_its_model_call(
    client: Client, any_profile: RecorderServer, errors: list[Exception]
) -> None:
    model = FakeListChatModel(responses=["forty-two"])

    def answer(state: State, config: RunnableConfig) -> dict[str, Any]:
        return {"answer": model.invoke(state["question"], config).content}

    graph = StateGraph(State)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    with tracing_context(client=client, project_name="graphs", enabled=True):
        assert graph.compile().invoke({"question": "why?", "answer": ""})["answer"] == "forty-two"
    flush(client, errors)
    runs = any_profile.recorder.database.rows("SELECT * FROM runs ORDER BY dotted_order")
    assert [run["name"] for run in runs] == ["LangGraph", "answer", "FakeListChatModel"]
    assert len({run["trace_id"] for run in runs}) == 1
    assert "forty-two" in any_profile.recorder.runs.get(runs[2]["id"])["outputs_preview"]


def test_runs_are_listed_page_by_page_and_filtered(client: Client) -> None:
    start = datetime.now(UTC)
    runs = [a_run(start=start + timedelta(milliseconds=n), name=f"run-{n % 2}") for n in range(130)]
    client.multipart_ingest(create=[dict(run) for run in runs])
    listed = list(client.list_runs(project_name="plain", is_root=True))
    assert [str(run.id) for run in listed] == [run["id"] for run in reversed(runs)]
    odd = list(client.list_runs(project_name="plain", filter='eq(name, "run-1")'))
    assert len(odd) == 65
    assert [str(run.id) for run in client.list_runs(run_ids=[runs[3]["id"]])] == [runs[3]["id"]]


async def test_v2_reads_give_what_is_selected(any_profile: RecorderServer) -> None:
    await with_client(any_profile, check_v2_reads)


async def check_v2_reads(client: Client) -> None:
    root = a_run(extra={"metadata": {"case_id": "c1"}})
    child = a_run(root, run_type="llm", outputs={"usage_metadata": {"input_tokens": 2, "output_tokens": 3}})
    client.multipart_ingest(create=[dict(root), dict(child)])
    project = client.read_project(project_name="plain").id
    page = await client.runs.query(project_ids=[str(project)], is_root=True, selects=["ID", "METADATA", "STATUS"])
    assert [(run.id, run.status, (run.metadata or {})["case_id"]) for run in page.items or []] == [
        (root["id"], "SUCCESS", "c1")
    ]
    trace = await client.traces.list_runs(root["trace_id"], project_id=str(project), selects=["ID", "RUN_TYPE"])
    assert [(run.id, run.run_type) for run in trace.items or []] == [(root["id"], "CHAIN"), (child["id"], "LLM")]
    whole = await client.runs.query(
        project_ids=[str(project)], ids=[root["id"]], selects=["TOTAL_TOKENS"], include_subtree_usage=True
    )
    own = await client.runs.query(project_ids=[str(project)], ids=[root["id"]], selects=["TOTAL_TOKENS"])
    assert ((whole.items or [])[0].total_tokens, (own.items or [])[0].total_tokens) == (5, None)
    url = (await client.runs.get_url(root["id"], project_id=str(project), trace_id=root["trace_id"])).url
    assert url is not None
    assert (await asyncio.to_thread(httpx.get, url)).status_code == 200


def test_pages_of_ids_alone_are_those_of_whole_runs(server: RecorderServer) -> None:
    runs = [a_run(error="broke" if number % 3 == 0 else None) for number in range(7)]
    assert post_runs(server, *runs, a_run(runs[0])).status_code == 202
    (project,) = httpx.get(f"{server.url}/sessions?name=plain").json()
    asked = {"project_ids": [project["id"]], "is_root": True, "page_size": 3}

    def pages(**more: Any) -> list[list[str]]:
        pages, cursor = [], None
        while True:
            body = {**asked, **more, **({"cursor": cursor} if cursor else {})}
            page = httpx.post(f"{server.url}/api/v2/runs/query", json=body).json()
            pages.append([run["id"] for run in page["items"]])
            cursor = page["next_cursor"]
            if cursor is None:
                return pages

    newest_first = [run["id"] for run in reversed(runs)]
    assert (
        pages(selects=["ID"])
        == pages(selects=["ID", "NAME"])
        == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    )
    assert pages(selects=["ID"], filter='eq(status, "error")') == [newest_first[0:7:3]]


def test_a_run_without_trace_and_order_gets_them_from_its_parent(client: Client, any_profile: RecorderServer) -> None:
    root, child = new_uuid(), new_uuid()
    client.create_run("root", {"a": 1}, "chain", id=root, start_time=datetime.now(UTC))
    client.create_run("child", {"a": 1}, "chain", id=child, parent_run_id=root, start_time=datetime.now(UTC))
    stored = any_profile.recorder.runs.get(str(child))
    assert stored["trace_id"] == str(root)
    assert stored["parent_run_ids"] == [str(root)]


def test_an_attachment_is_read_back(server: RecorderServer) -> None:
    client = a_client(server)
    run = a_run(attachments={"note": ("text/plain", b"hello")})
    client.multipart_ingest(create=[run])
    read = client.read_run(run["id"])
    assert read.attachments["note"]["reader"].read() == b"hello"
    client.close()


def test_deleted_traces_are_gone(server: RecorderServer) -> None:
    client = a_client(server)
    keep, drop = a_run(), a_run()
    client.multipart_ingest(create=[dict(keep), dict(drop), a_run(drop)])
    session = str(client.read_project(project_name="plain").id)
    body = {"session_id": session, "trace_ids": [drop["trace_id"]]}
    assert httpx.post(f"{server.url}/api/v1/runs/delete/traces", json=body).status_code == 202
    assert client.read_run(keep["id"]).id
    with pytest.raises(LangSmithNotFoundError):
        client.read_run(drop["id"])
    client.close()
