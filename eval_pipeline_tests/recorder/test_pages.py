"""Pages show what was recorded, at the URLs the SDK builds, and run no code that was recorded."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from langchain_core.prompts import ChatPromptTemplate
from langsmith import Client

from eval_pipeline.pages.values import plain
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.pages.case_pages import main_keys
from eval_pipeline.recorder.pages.rendering import count, duration, pages_of
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'


class Elements(HTMLParser):
    """The elements a browser would make, with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def get(url: str) -> Elements:
    answer = httpx.get(url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return Elements(answer.text)


def recorded(server: RecorderServer, text: str = "plain", cases: int = 2) -> dict[str, Any]:
    """Two experiments over a dataset, `text` in every place; with the URLs of the pages as the SDK has them."""
    client = a_client(server)
    dataset = client.create_dataset(f"dataset {text}", description=text, metadata={"note": text})
    client.create_examples(
        dataset_id=dataset.id,
        examples=[
            {
                "inputs": {"question": text},
                "reference_outputs": {"answer": text},
                "metadata": {"case_id": f"{text} {n}"},
            }
            for n in range(cases)
        ],
    )
    examples = list(client.list_examples(dataset_id=dataset.id))
    projects = [
        client.create_project(
            f"{name} {text}", reference_dataset_id=dataset.id, metadata={"git": text}, description=text
        )
        for name in ("first", "second")
    ]
    roots = [record_case(server, client, str(project.name), str(e.id), text) for project in projects for e in examples]
    urls = {
        "index": server.url,
        "dataset": dataset.url,
        "example": examples[0].url,
        "first": projects[0].url,
        "trace": f"{projects[0].url}/r/{roots[0]}?poll=true",
        "single": f"{dataset.url}/compare?selectedSessions={projects[0].id}",
        "compare": f"{dataset.url}/compare?selectedSessions={projects[0].id}%2C{projects[1].id}",
        "form": f"{dataset.url}/compare?selectedSessions={projects[0].id}&selectedSessions={projects[1].id}",
    }
    client.close()
    return {"urls": urls, "roots": roots, "project": projects[0]}


def record_case(server: RecorderServer, client: Client, session: str, example: str, text: str) -> str:
    """A root, a replayed retrieval, a model call that fails, and a score on the root."""
    values: dict[str, Any] = {"session_name": session, "tags": [text]}
    root = a_run(
        name=f"case {text}",
        reference_example_id=example,
        inputs={"question": text},
        outputs={"deep": {"list": [text, {"text": text}]}},
        extra={"metadata": {"case_id": f"c {text}", "attempt": 1, "note": text}},
        **values,
    )
    graft = a_run(root, name=f"retrieve {text}", run_type="retriever", extra={"metadata": {"replayed": True}}, **values)
    usage = {"input_tokens": 1200, "output_tokens": 34, "total_tokens": 1234, "total_cost": 0.0042}
    model = a_run(root, run_type="llm", error=text, outputs={"usage_metadata": usage, "text": text}, **values)
    assert post_runs(server, root, graft, model).status_code == 202
    session_id = client.read_project(project_name=session).id
    for key, score in (("quality", 0.75), (f"key {text}", 1)):
        client.create_feedback(
            run_id=root["id"], session_id=session_id, start_time=datetime.now(UTC), key=key, score=score, comment=text
        )
    return str(root["id"])


def test_each_page_shows_its_objects(server: RecorderServer) -> None:
    shown = recorded(server)
    pages = {name: get(url) for name, url in shown["urls"].items()}
    for name in ("dataset plain", "default"):
        assert name in pages["index"].text
    for name in ("first plain", "second plain", "0.75", "plain 0", "latest"):
        assert name in pages["dataset"].text
    for name in ("c plain", "attempt 1", "0.75", "1\u202f234", "$0.0042", "250 ms", "success"):
        assert name in pages["first"].text
    assert pages["single"].text == pages["first"].text
    links = [attributes["href"] or "" for tag, attributes in pages["single"].elements if tag == "a"]
    for link in links:
        get(server.url + link)
    assert any("sort=score%3Aquality" in link or "sort=score:quality" in link for link in links)
    assert pages["compare"].text == pages["form"].text
    for name in ("first plain", "second plain", "quality", "0.75", "plain 1"):
        assert name in pages["compare"].text
    for name in ("first plain", "second plain", "plain 0"):
        assert name in pages["example"].text
    for name in ("case plain", "retrieve plain", "shared", "1\u202f234", "quality", "1\u202f200 in, 34 out", "Error"):
        assert name in pages["trace"].text


def test_a_conversation_is_shown_by_sender_an_image_as_one_and_a_file_as_a_link(server: RecorderServer) -> None:
    client = Client(api_url=server.url, api_key="x")
    dataset = client.create_dataset("photos")
    blocks = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,AAAA"}},
    ]
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": blocks}]
    file = {"inputs": {"messages": messages}, "attachments": {"notes.txt": ("text/plain", b"hello")}}
    client.create_examples(dataset_id=dataset.id, examples=[file])
    (example,) = client.list_examples(dataset_id=dataset.id)
    client.close()

    page = get(f"{server.url}/datasets/{dataset.id}/e/{example.id}")

    classes = [attributes.get("class") for tag, attributes in page.elements if tag == "div"]
    assert [name for name in classes if name and name.startswith("message")] == ["message other", "message user"]
    sources = [attributes["src"] for tag, attributes in page.elements if tag == "img"]
    assert sources == ["data:image/png;base64,iVBORw0KGgo="]
    links = [attributes["href"] or "" for tag, attributes in page.elements if tag == "a"]
    (link,) = [link for link in links if link.startswith("/attachments/")]
    assert httpx.get(server.url + link).text == "hello"


def test_a_trace_marks_shared_runs_and_draws_each_run_in_its_place(server: RecorderServer) -> None:
    start = datetime.now(UTC) - timedelta(minutes=1)
    root = a_run(start=start, end_time=(start + timedelta(seconds=10)).isoformat())
    late = a_run(root, start=start + timedelta(seconds=5), end_time=(start + timedelta(seconds=9)).isoformat())
    graft = a_run(root, tags=["replayed"])
    post_runs(server, root, late, graft)
    session = server.recorder.sessions.get_or_create("plain")
    page = get(f"{server.url}/o/any/projects/p/{session}/r/{late['id']}")
    spans = {a["id"]: a for tag, a in page.elements if tag == "details" and (a.get("id") or "").startswith("r-")}
    assert set(spans) == {f"r-{run['id']}" for run in (root, late, graft)}
    assert "replayed" in (spans[f"r-{graft['id']}"]["class"] or "")
    assert "replayed" not in (spans[f"r-{late['id']}"]["class"] or "")
    assert ["open" in spans[f"r-{run['id']}"] for run in (root, late, graft)] == [False, True, False]
    bars = [
        (float(a["x"] or 0), float(a["width"] or 0))
        for tag, a in page.elements
        if a.get("class") == "time" and tag == "rect"
    ]
    assert bars[0] == (0, 100)
    assert bars[2] == pytest.approx((50, 40), abs=0.1)
    everything = get(f"{server.url}/o/any/projects/p/{session}/r/{root['id']}?expand=all")
    assert sum("open" in a for tag, a in everything.elements if tag == "details") == 3


def test_hostile_text_is_text_on_every_page(server: RecorderServer) -> None:
    shown = recorded(server, HOSTILE)
    for name, url in shown["urls"].items():
        page = get(url)
        assert HOSTILE in page.text, name
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"img", "iframe", "style"}, name
        scripts = [attributes for tag, attributes in page.elements if tag == "script"]
        assert scripts == [{"src": "/static/recorder.js", "defer": None}], name
        assert not [a for _, a in page.elements for key in a if key.startswith("on") or key == "style"], name


def test_a_prompt_has_a_page_at_the_url_of_its_push(server: RecorderServer) -> None:
    client = a_client(server)
    prompt = ChatPromptTemplate.from_messages([("system", f"Be strict. {HOSTILE.replace('{', '')}")])
    page = get(client.push_prompt("judge", object=prompt, commit_tags=["prod"]))
    assert "Be strict. <script>" in page.text
    assert "prod" in page.text
    client.close()


def test_commits_of_a_prompt_are_compared_and_name_the_experiments_that_used_them(server: RecorderServer) -> None:
    client = a_client(server)
    for text in ("Be strict.", "Be fair."):
        client.push_prompt("judge", object=ChatPromptTemplate.from_messages([("system", text), ("user", "{question}")]))
    new, old = (each["commit_hash"] for each in server.recorder.hub.commits("judge")["commits"])
    client.create_project("used it", metadata={"prompts": {"judge": f"judge:{new}"}})
    client.close()
    assert "judge" in get(f"{server.url}/prompts").text
    assert "used it" in get(f"{server.url}/prompts/judge").text
    assert "used it" not in get(f"{server.url}/prompts/judge/{old[:12]}").text
    page = httpx.get(f"{server.url}/prompts/judge/diff?then={old[:12]}&now={new[:12]}").text
    assert (re.findall("<del>(.*?)</del>", page), re.findall("<ins>(.*?)</ins>", page)) == (["strict"], ["fair"])


def test_the_tokens_and_time_of_a_shared_run_are_those_of_the_original(server: RecorderServer) -> None:
    usage = {"input_tokens": 70, "output_tokens": 7, "total_tokens": 77}
    origin = a_run(session_name="shared", run_type="llm", outputs={"usage_metadata": usage})
    root = a_run()
    copied = {"replayed": True, "origin_run_id": origin["id"], "origin_duration_s": 2.5, "origin_url": "javascript:x"}
    graft = a_run(root, name="copy", extra={"metadata": copied})
    post_runs(server, origin, root, graft)
    session = server.recorder.sessions.get_or_create("plain")
    page = get(f"{server.url}/o/any/projects/p/{session}/r/{graft['id']}")
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    shared = server.recorder.sessions.get_or_create("shared")
    assert f"/o/{TENANT_ID}/projects/p/{shared}/r/{origin['id']}" in links
    assert "javascript:x" not in links
    assert "which took 2.50 s and 77 tokens, counted there" in page.text


def test_a_thread_is_one_conversation(server: RecorderServer) -> None:
    start = datetime.now(UTC) - timedelta(minutes=5)
    for number in range(3):
        turn = a_run(
            start=start + timedelta(minutes=number),
            inputs={"messages": [{"role": "user", "content": f"question {number}"}]},
            outputs={"messages": [{"role": "assistant", "content": f"answer {number}"}]},
            extra={"metadata": {"thread_id": "a/b c"}},
        )
        post_runs(server, turn)
    url = f"{server.url}/o/any/projects/p/{server.recorder.sessions.get_or_create('plain')}"
    (link,) = [a["href"] for tag, a in get(f"{url}/threads").elements if tag == "a" and "/t/" in (a.get("href") or "")]
    said = re.findall(r"(?:question|answer) \d", get(f"{server.url}{link}").text)
    assert said == [f"{what} {number}" for number in range(3) for what in ("question", "answer")]
    assert "question" not in get(f"{url}/threads?q=nothing+like+this").text


def test_ten_thousand_cases_are_paged_and_sorted_over_all_pages(server: RecorderServer) -> None:
    now = datetime.now(UTC) - timedelta(hours=2)
    start = now
    for _ in range(100):
        runs = []
        for _ in range(100):
            start += timedelta(milliseconds=10)
            latency = timedelta(milliseconds=int((start - now) / timedelta(milliseconds=10)) * 7919 % 10_007)
            runs.append(a_run(start=start, end_time=(start + latency).isoformat(), inputs={"q": str(latency)}))
        httpx.post(f"{server.url}/runs/batch", json={"post": runs}).raise_for_status()
    url = f"{server.url}/o/any/projects/p/{server.recorder.sessions.get_or_create('plain')}"
    first, last = (get(f"{url}?sort=latency&down=true&page={page}") for page in (1, 100))
    assert "1\u2013100 of 10\u202f000" in first.text
    shown = [float(value) for value in re.findall(r"(\d+\.\d\d) s\b", first.text.partition("Outputs")[2])]
    assert len(shown) == 100
    assert shown == sorted(shown, reverse=True)
    assert shown[0] > 9.9
    assert "9\u202f901\u201310\u202f000 of 10\u202f000" in last.text


def test_the_page_of_an_unknown_object_is_404(server: RecorderServer) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"
    for path in (f"projects/p/{nowhere}", f"projects/p/{nowhere}/r/{nowhere}", f"datasets/{nowhere}"):
        assert httpx.get(f"{server.url}/o/any/{path}").status_code == 404
    session = server.recorder.sessions.get_or_create("default")
    assert httpx.get(f"{server.url}/o/any/projects/p/{session}?sort=colour").status_code == 400


def test_numbers_are_formatted_for_readers() -> None:
    assert [duration(s) for s in (None, 0.0123, 3.4, 125.0)] == ["\u2013", "12 ms", "3.40 s", "2 min 5 s"]
    assert [count(n) for n in (None, 0, 1234567)] == ["\u2013", "0", "1\u202f234\u202f567"]
    assert pages_of(0, 100, 7) == {"page": 1, "pages": 1, "total": 0, "first": 0, "last": 0}
    message = {"lc": 1, "type": "constructor", "id": ["a", "HumanMessage"], "kwargs": {"content": "hi", "name": None}}
    assert plain([message]) == [{"HumanMessage": {"content": "hi"}}]


def test_of_many_scores_a_page_shows_those_of_the_case_and_those_without_a_place_first() -> None:
    keys = sorted(["passed", "score", "polite", *(f"contains · turn {n}" for n in range(1, 20))])
    assert main_keys(keys)[:4] == ["passed", "score", "polite", "contains · turn 1"]
    assert len(main_keys(keys)) == 8
    assert main_keys(["b", "a"]) == ["b", "a"]


def test_scores_without_a_column_are_still_on_the_page_and_have_columns_on_request(server: RecorderServer) -> None:
    client = a_client(server)
    run = a_run(session_name="many")
    post_runs(server, run)
    session = client.read_project(project_name="many")
    for number in range(12):
        key, start = f"contains · turn {number}", datetime.fromisoformat(run["start_time"])
        client.create_feedback(run["id"], key=key, score=1.0, session_id=session.id, start_time=start)
    client.close()

    few, every = get(str(session.url)), get(f"{session.url}?every=true")

    assert "4 more scores" in few.text
    assert "contains · turn 9" in few.text
    columns = [sum(tag == "th" for tag, _ in page.elements) for page in (few, every)]
    assert columns[1] - columns[0] == 4
