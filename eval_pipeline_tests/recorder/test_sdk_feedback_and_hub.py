"""Feedback and prompts through the SDK, in every profile."""

from datetime import UTC, datetime

import pytest
from langchain_core.prompts import ChatPromptTemplate
from langsmith import Client
from langsmith.utils import LangSmithConflictError, LangSmithNotFoundError

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import a_client, a_run

pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed after:DeprecationWarning")


def test_feedback_in_a_frame_and_posted_feedback_are_alike(
    client: Client, any_profile: RecorderServer, errors: list[Exception]
) -> None:
    run = a_run()
    client.multipart_ingest(create=[dict(run)])
    session = client.read_project(project_name="plain").id
    source = str(run["id"])
    common = {"run_id": run["id"], "session_id": session, "start_time": datetime.now(UTC), "source_run_id": source}
    client.create_feedback(key="rides", score=0.123456, trace_id=run["trace_id"], comment="good", **common)
    client.create_feedback(key="posted", value="yes", **common)
    client.flush(timeout=10)
    assert errors == []
    by_key = {feedback.key: feedback for feedback in client.list_feedback(run_ids=[run["id"]])}
    assert (by_key["rides"].score, by_key["rides"].comment) == (0.1235, "good")
    assert by_key["posted"].value == "yes"
    for feedback in by_key.values():
        assert feedback.session_id == session
        assert feedback.feedback_source is not None
        assert (feedback.feedback_source.metadata or {})["__run"] == {"run_id": source}
    assert [f.key for f in client.list_feedback(run_ids=[run["id"]], feedback_key=["posted"])] == ["posted"]
    statistics = any_profile.recorder.runs.get(run["id"])["feedback_stats"]
    assert (statistics["rides"]["n"], statistics["posted"]["values"]) == (1, {"yes": 1})


def test_feedback_is_changed_and_deleted(client: Client) -> None:
    project = client.create_project("experiment")
    created = client.create_feedback(run_id=None, key="summary", score=0.5, project_id=project.id)
    assert client.read_feedback(created.id).run_id is None
    client.update_feedback(created.id, score=1, comment="after all")
    changed = client.read_feedback(created.id)
    assert (changed.score, changed.comment, changed.key) == (1, "after all", "summary")
    client.delete_feedback(created.id)
    with pytest.raises(LangSmithNotFoundError):
        client.read_feedback(created.id)


def test_a_prompt_is_pushed_pulled_tagged_and_pinned(client: Client) -> None:
    first = ChatPromptTemplate.from_messages([("system", "Be strict."), ("human", "{question}")])
    second = ChatPromptTemplate.from_messages([("system", "Be kind."), ("human", "{question}")])
    client.push_prompt("judge", object=first, description="scores answers", commit_tags=["prod"])
    pinned = client.pull_prompt_commit("judge").commit_hash
    url = client.push_prompt("judge", object=second)
    assert client.pull_prompt("judge").messages == second.messages
    assert client.pull_prompt("judge:prod").messages == first.messages
    assert client.pull_prompt(f"judge:{pinned}").messages == first.messages
    assert client.pull_prompt(f"judge:{pinned[:8]}").messages == first.messages
    assert f"/prompts/judge/{client.pull_prompt_commit('judge').commit_hash[:8]}" in url
    assert [commit.parent_commit_hash for commit in client.list_prompt_commits("judge")] == [pinned, None]
    prompt = client.get_prompt("judge")
    assert prompt is not None
    assert (prompt.num_commits, prompt.description) == (2, "scores answers")
    with pytest.raises(LangSmithConflictError, match="Nothing to commit"):
        client.create_commit("judge", object=second)
    assert [prompt.repo_handle for prompt in client.list_prompts(query="jud").repos] == ["judge"]
    client.delete_prompt("judge")
    assert client.get_prompt("judge") is None


def test_smithdb_only_refuses_run_feedback_without_its_session(any_profile: RecorderServer) -> None:
    client = a_client(any_profile)
    run = a_run()
    if any_profile.recorder.config.profile == "smithdb_only":
        with pytest.raises(ValueError, match="session_id"):
            client.create_feedback(run_id=run["id"], key="k", score=1)
    else:
        with pytest.warns(Warning, match="session_id"):
            client.create_feedback(run_id=run["id"], key="k", score=1)
        assert any_profile.recorder.feedback.find(keys=["k"])[0]["run_id"] == run["id"]
    client.close()
