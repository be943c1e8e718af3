"""Annotation queues through the SDK, in every profile, and their page."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from langsmith import Client
from langsmith.utils import LangSmithConflictError, LangSmithError, LangSmithNotFoundError

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs
from eval_pipeline_tests.recorder.test_pages import HOSTILE, get

pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed after.*:DeprecationWarning")


def keys_of(client: Client, *runs: dict[str, Any]) -> list[Any]:
    session = client.read_project(project_name="plain").id
    return [{"run_id": run["id"], "session_id": session, "start_time": run["start_time"]} for run in runs]


def test_a_queue_is_created_listed_changed_and_deleted(client: Client) -> None:
    rubric: Any = [{"feedback_key": "correct", "description": "Is it true?"}]
    created = client.create_annotation_queue(
        name="failing", description="d", rubric_instructions="Look.", rubric_items=rubric
    )
    client.create_annotation_queue(name="other")

    assert [queue.id for queue in client.list_annotation_queues(name="failing")] == [created.id]
    assert [queue.name for queue in client.list_annotation_queues(name_contains="FAIL")] == ["failing"]
    assert [queue.name for queue in client.list_annotation_queues(queue_ids=[created.id])] == ["failing"]
    assert len(list(client.list_annotation_queues(limit=1))) == 1
    client.update_annotation_queue(created.id, description="after all")
    changed = client.read_annotation_queue(created.id)
    assert (changed.name, changed.description) == ("failing", "after all")
    assert changed.rubric_instructions == "Look."  # type: ignore[attr-defined]
    with pytest.raises(LangSmithConflictError, match="already exists"):
        client.create_annotation_queue(name="again", queue_id=created.id)
    client.delete_annotation_queue(created.id)
    with pytest.raises(LangSmithNotFoundError):
        client.read_annotation_queue(created.id)


def test_runs_are_added_once_listed_in_order_and_removed(client: Client, any_profile: RecorderServer) -> None:
    runs = [a_run(name=f"run {number}") for number in range(3)]
    post_runs(any_profile, *runs)
    queue = client.create_annotation_queue(name="failing").id
    client.add_runs_to_annotation_queue(queue, runs=keys_of(client, *runs[:2]))
    client.add_runs_to_annotation_queue(queue, runs=keys_of(client, *runs))
    client.add_runs_to_annotation_queue(queue, run_ids=[runs[0]["id"]])

    listed = list(client.list_runs_from_annotation_queue(queue))
    assert [run.name for run in listed] == ["run 0", "run 1", "run 2"]
    assert all(run.added_at is not None for run in listed)
    assert client.get_run_from_annotation_queue(queue, index=1).name == "run 1"
    with pytest.raises(LangSmithNotFoundError):
        client.get_run_from_annotation_queue(queue, index=3)
    client.delete_run_from_annotation_queue(queue, run_id=runs[1]["id"])
    assert [run.name for run in client.list_runs_from_annotation_queue(queue, limit=9)] == ["run 0", "run 2"]
    assert httpx.get(f"{any_profile.url}/annotation-queues/{queue}/size").json() == {"size": 2}


def test_reviewed_runs_are_listed_apart_from_those_to_review(client: Client, any_profile: RecorderServer) -> None:
    runs = [a_run(name=f"run {number}") for number in range(2)]
    post_runs(any_profile, *runs)
    queue = client.create_annotation_queue(name="failing").id
    client.add_runs_to_annotation_queue(queue, runs=keys_of(client, *runs))
    entry = httpx.get(f"{any_profile.url}/annotation-queues/{queue}/runs").json()[0]["queue_run_id"]
    done = httpx.post(f"{any_profile.url}/annotation-queues/status/{entry}", json={"status": "completed"})

    assert done.status_code == 200
    assert [run.name for run in client.list_runs_from_annotation_queue(queue, status="completed")] == ["run 0"]
    assert [run.name for run in client.list_runs_from_annotation_queue(queue, status="needs_my_review")] == ["run 1"]


def test_unknown_queues_and_runs_are_refused_and_nothing_is_added(client: Client, any_profile: RecorderServer) -> None:
    run = a_run()
    post_runs(any_profile, run)
    (key,) = keys_of(client, run)
    unknown: Any = {**key, "run_id": str(uuid.uuid4())}
    queue = client.create_annotation_queue(name="failing").id
    with pytest.raises(LangSmithNotFoundError):
        client.add_runs_to_annotation_queue(uuid.uuid4(), runs=[key])
    with pytest.raises(LangSmithNotFoundError):
        client.add_runs_to_annotation_queue(queue, runs=[key, unknown])
    assert list(client.list_runs_from_annotation_queue(queue)) == []
    with pytest.raises(LangSmithError, match="422"):
        client.request_with_retries("POST", f"/annotation-queues/{queue}/runs/by-key", json=[{"run_id": run["id"]}])


def test_queues_survive_a_restart(tmp_path: Path) -> None:
    run = a_run()
    with RecorderServer(db_path=tmp_path / "recorder.sqlite") as server:
        post_runs(server, run)
        client = a_client(server)
        queue = client.create_annotation_queue(name="failing").id
        client.add_runs_to_annotation_queue(queue, runs=keys_of(client, run))
        client.close()
    with server:
        client = a_client(server)
        assert [str(entry.id) for entry in client.list_runs_from_annotation_queue(queue)] == [run["id"]]
        client.close()


def test_feedback_is_filtered_by_its_fields_and_its_time(client: Client, any_profile: RecorderServer) -> None:
    run = a_run()
    post_runs(any_profile, run)
    session = client.read_project(project_name="plain").id
    place: Any = {"run_id": run["id"], "session_id": session, "start_time": datetime.now(UTC)}
    client.create_feedback(key="scored", score=1, comment="good", **place)
    client.create_feedback(key="corrected", correction={"score": 0}, feedback_source_type="api", **place)
    client.create_feedback(run_id=None, key="summary", score=0.5, project_id=session)
    client.flush(timeout=10)

    def keys(**conditions: Any) -> set[str]:
        return {feedback.key for feedback in client.list_feedback(session=[str(session)], **conditions)}

    assert keys() == {"scored", "corrected", "summary"}
    assert keys(has_comment=True) == {"scored"}
    assert keys(has_score=False) == {"corrected"}
    assert keys(level="session") == {"summary"}
    assert keys(min_created_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat()) == set()
    (corrected,) = client.list_feedback(feedback_key=["corrected"])
    assert corrected.correction == {"score": 0}


def test_the_page_of_a_queue_shows_its_runs_and_runs_nothing(server: RecorderServer) -> None:
    client = a_client(server)
    run = a_run(name=HOSTILE, inputs={"question": HOSTILE})
    post_runs(server, run)
    queue = client.create_annotation_queue(name=HOSTILE, description=HOSTILE, rubric_instructions=HOSTILE)
    (key,) = keys_of(client, run)
    client.add_runs_to_annotation_queue(queue.id, runs=[key])
    client.create_feedback(
        run_id=run["id"], session_id=key["session_id"], start_time=datetime.now(UTC), key=HOSTILE,
        comment=HOSTILE, correction={"score": HOSTILE},
    )  # fmt: skip
    client.close()

    page = get(f"{server.url}/o/{queue.tenant_id}/annotation-queues/{queue.id}")
    index = get(server.url)

    for shown in (page, index):
        assert HOSTILE in shown.text
        assert not [name for name, _ in shown.elements if name == "img"]
        assert [its for name, its in shown.elements if name == "script"] == [
            {"src": "/static/recorder.js", "defer": None}
        ]
    assert ("a", {"href": f"/o/{queue.tenant_id}/annotation-queues/{queue.id}"}) in index.elements
