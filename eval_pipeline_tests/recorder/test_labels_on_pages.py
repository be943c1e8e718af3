"""Feedback and labels that people give on pages are feedback like any other, and only our own pages may send forms."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from langsmith import Client

from eval_pipeline.feedback.verdicts import verdicts
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.analysis.rows import a_result, an_assertion
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs

FORM = "application/x-www-form-urlencoded"


def send(server: RecorderServer, path: str, fields: Any, *, origin: str | None = "") -> httpx.Response:
    """Send a form as a browser does, by default from one of the server's own pages."""
    headers = {"content-type": FORM} | ({} if origin is None else {"origin": origin or server.url})
    return httpx.post(f"{server.url}/pages/{path}", content=urlencode(fields, doseq=True), headers=headers)


@pytest.fixture
def queued(server: RecorderServer) -> dict[str, Any]:
    """Three runs that an evaluator scored, in a queue."""
    client = a_client(server)
    runs = [a_run(name=f"case {n}", session_name="desk", inputs={"input": f"question {n}"}) for n in range(3)]
    post_runs(server, *runs)
    session = client.read_project(project_name="desk")
    for run in runs:
        for key, score in (("tone", 1.0), ("passed", 1.0)):
            client.create_feedback(
                run["id"],
                key=key,
                score=score,
                session_id=session.id,
                start_time=datetime.fromisoformat(run["start_time"]),
                feedback_source_type="model",
            )
    queue = client.create_annotation_queue(name="review", rubric_instructions="Be **fair**.")
    httpx.post(f"{server.url}/annotation-queues/{queue.id}/runs", json=[run["id"] for run in runs]).raise_for_status()
    client.flush()
    client.close()
    entries = server.recorder.queues.entries(str(queue.id))
    url = f"{server.url}/o/any/annotation-queues/{queue.id}"
    return {"runs": runs, "queue": str(queue.id), "entries": [entry["id"] for entry in entries], "url": url}


def of(server: RecorderServer, run_id: str) -> list[dict[str, Any]]:
    """What people said of a run."""
    given = server.recorder.feedback.of_runs([run_id]).get(run_id, [])
    return [each for each in given if each["feedback_source"]["type"] == "app"]


def a_label(queued: dict[str, Any], place: int, reviewer: str, **given: str) -> dict[str, Any]:
    """The form of an entry of the queue."""
    return {
        "queue": queued["queue"],
        "entry": queued["entries"][place],
        "reviewer": reviewer,
        "key": "tone",
        **{f"{name}.0": value for name, value in given.items()},
    }


def test_a_label_is_feedback_of_its_reviewer_and_leads_to_the_next_run(
    server: RecorderServer, queued: dict[str, Any]
) -> None:
    run = queued["runs"][0]
    page = httpx.get(f"{queued['url']}/label").text
    assert "Be <strong>fair</strong>." in page
    assert re.findall(r"<legend>(\w+)</legend>", page) == ["tone"]

    answer = send(server, "label", a_label(queued, 0, "Ada", score="0", comment="rude"))

    assert answer.status_code == 303
    (given,) = of(server, run["id"])
    assert (given["key"], given["score"], given["comment"]) == ("tone", 0, "rude")
    assert given["feedback_source"]["user_name"] == "Ada"
    following = httpx.get(server.url + answer.headers["location"], cookies={"reviewer": "Ada"}).text
    assert "<h1>case 1</h1>" in following
    assert 'value="Ada"' in following
    assert "1 reviewed · Ada 1" in re.sub(r"\s+", " ", following)

    # The same reviewer's second opinion replaces the first.
    send(server, "label", a_label(queued, 0, "Ada", score="1"))
    assert [(each["score"], each["comment"]) for each in of(server, run["id"])] == [(1, None)]
    send(server, "label", a_label(queued, 0, "Ada"))
    assert of(server, run["id"]) == []


def test_the_sdk_reads_a_label_as_a_human_verdict(server: RecorderServer, queued: dict[str, Any]) -> None:
    run = queued["runs"][0]
    send(server, "label", a_label(queued, 0, "Ada", score="0", comment="rude"))
    client = Client(api_url=server.url, api_key="x")
    feedback = list(client.list_feedback(run_ids=[run["id"]]))
    client.close()
    result = a_result("case 0", run_id=run["id"], assertions=(an_assertion("tone"),))
    (verdict,) = verdicts([result], feedback)
    assert (verdict.verdict, verdict.comment, verdict.assertion.name) == (False, "rude", "tone")


def test_a_queue_is_reviewed_by_as_many_as_it_asks_for(server: RecorderServer, queued: dict[str, Any]) -> None:
    server.recorder.queues.update(queued["queue"], {"num_reviewers_per_item": 2})
    for place in range(3):
        send(server, "label", a_label(queued, place, "Ada", score="1"))
    assert "Nothing is left to label" in httpx.get(f"{queued['url']}/label", cookies={"reviewer": "Ada"}).text
    assert [entry["completed"] for entry in server.recorder.queues.entries(queued["queue"])] == [False] * 3
    send(server, "label", a_label(queued, 1, "Bo", score="0"))
    assert [entry["completed"] for entry in server.recorder.queues.entries(queued["queue"])] == [False, True, False]
    page = re.sub(r"\s+", " ", httpx.get(queued["url"]).text)
    assert "1 of 3 reviewed, each by 2 · Ada 3 · Bo 1" in page
    for query, names in (("only=open", ["case 0", "case 2"]), ("q=n+1", ["case 1"])):
        assert re.findall(r">(case \d)<", httpx.get(f"{queued['url']}?{query}").text) == names


def test_a_rubric_names_what_is_labelled_and_the_labels_there_are(
    server: RecorderServer, queued: dict[str, Any]
) -> None:
    items = [
        {
            "feedback_key": "kind",
            "description": "What is it?",
            "value_descriptions": {"bug": "a fault", "wish": "else"},
        },
        {"feedback_key": "stars", "score_descriptions": {"1": "bad", "3": "good"}},
    ]
    server.recorder.queues.update(queued["queue"], {"rubric_items": items})
    page = httpx.get(f"{queued['url']}/label").text
    assert re.findall(r"<legend>(\w+)</legend>", page) == ["kind", "stars"]
    assert '<option value="bug">' in page
    assert '<option value="3">3: good</option>' in page
    fields = {**a_label(queued, 0, "Ada"), "key": ["kind", "stars"], "value.0": "bug", "score.1": "3"}
    send(server, "label", fields)
    given = {each["key"]: (each["score"], each["value"]) for each in of(server, queued["runs"][0]["id"])}
    assert given == {"kind": (None, "bug"), "stars": (3, None)}


def test_feedback_is_given_changed_corrected_and_deleted_on_a_trace(
    server: RecorderServer, queued: dict[str, Any]
) -> None:
    run = queued["runs"][0]
    path = f"/o/any/projects/p/{server.recorder.runs.get(run['id'])['session_id']}/r/{run['id']}"
    fields = {"run": run["id"], "key": "polite", "score": "0.5", "reviewer": "Ada", "back": path}
    answer = send(server, "feedback", fields)
    assert answer.headers["location"] == path
    (given,) = of(server, run["id"])
    send(server, f"feedback/{given['id']}", {"score": "1", "comment": "after all", "reviewer": "Ada", "back": path})
    (changed,) = of(server, run["id"])
    assert (changed["score"], changed["comment"]) == (1, "after all")
    page = httpx.get(server.url + path).text
    assert "after all" in page
    assert "Ada" in page

    model = next(each for each in server.recorder.feedback.of_runs([run["id"]])[run["id"]] if each["key"] == "tone")
    send(server, f"feedback/{model['id']}", {"score": "0", "comment": "was rude", "reviewer": "Ada"})
    corrected = server.recorder.feedback.get(model["id"])
    assert (corrected["score"], corrected["correction"]) == (
        1,
        {"score": 0, "comment": "was rude", "corrected_by": "Ada"},
    )
    send(server, f"feedback/{given['id']}", {"delete": "true", "reviewer": "Ada"})
    assert of(server, run["id"]) == []


def test_runs_are_added_to_queues_and_datasets_old_and_new(server: RecorderServer, queued: dict[str, Any]) -> None:
    ids = [run["id"] for run in queued["runs"][:2]]
    page = server.url + send(server, "queue", {"run": ids, "new_queue": "doubtful"}).headers["location"]
    assert "case 0" in httpx.get(page).text
    answer = send(server, "dataset", {"run": ids, "new_dataset": "from traces"})
    identity = answer.headers["location"].split("/")[-1].partition("#")[0]
    examples = server.recorder.examples.find(dataset_id=identity)
    assert [(one["inputs"], one["outputs"]) for one in examples] == [
        ({"input": f"question {n}"}, {"answer": "because"}) for n in range(2)
    ]
    assert {one["source_run_id"] for one in examples} == set(ids)
    send(server, "dataset", {"run": queued["runs"][2]["id"], "dataset": identity})
    assert server.recorder.examples.count(identity) == 3
    created = send(server, "queues", {"name": "new", "rubric_keys": "tone: Is it polite?\nfacts"})
    queue = server.recorder.queues.get(created.headers["location"].split("/")[-1])
    assert [item["feedback_key"] for item in queue["rubric_items"]] == ["tone", "facts"]


def test_incomplete_forms_are_refused_and_say_what_is_missing(server: RecorderServer, queued: dict[str, Any]) -> None:
    run = {"run": queued["runs"][0]["id"]}
    for path, fields, missing in (
        ("feedback", {**run, "key": "x", "score": "1"}, "your name"),
        ("feedback", {**run, "reviewer": "Ada", "score": "1"}, "feedback key"),
        ("feedback", {**run, "reviewer": "Ada", "key": "x"}, "a score, a value or a comment"),
        ("feedback", {**run, "reviewer": "Ada", "key": "x", "score": "good"}, "is no number"),
        ("queue", {"new_queue": "q"}, "at least one run"),
        ("dataset", run, "select a dataset"),
        ("queues", {"name": " "}, "needs a name"),
    ):
        answer = send(server, path, fields)
        assert answer.status_code == 422, path
        assert missing in answer.text
    assert of(server, queued["runs"][0]["id"]) == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_a_form_of_another_origin_or_of_none_writes_nothing(
    server: RecorderServer, queued: dict[str, Any], origin: str | None
) -> None:
    answer = send(server, "label", a_label(queued, 0, "Ada", score="1"), origin=origin)
    assert answer.status_code == 403
    assert of(server, queued["runs"][0]["id"]) == []


def test_no_form_leads_away_from_the_server(server: RecorderServer, queued: dict[str, Any]) -> None:
    fields = {"run": queued["runs"][0]["id"], "key": "k", "score": "1", "reviewer": "Ada"}
    for back in ("https://evil.example", "//evil.example", "/\\evil.example", ""):
        assert send(server, "feedback", {**fields, "back": back}).headers["location"] == "/"
