"""Acknowledged data survives a restart and a killed process."""

import sqlite3
from pathlib import Path

import httpx
import pytest
from langsmith import Client

from eval_pipeline.errors import PermanentError
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.errors import RecorderError
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.recorder.store.journal import JournalEntry
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs, stored_ids
from eval_pipeline_tests.recorder.own_process import RecorderProcess
from eval_pipeline_tests.waiting import wait_for


def fill(client: Client) -> None:
    dataset = client.create_dataset("cases")
    client.create_examples(dataset_id=dataset.id, examples=[{"inputs": {"n": 1}}])
    project = client.create_project("experiment", reference_dataset_id=dataset.id)
    client.create_feedback(run_id=None, key="summary", score=1, project_id=project.id)


def test_everything_survives_a_restart_on_the_same_file(tmp_path: Path) -> None:
    run = a_run(inputs={"long": "x" * 5000})
    with RecorderServer(db_path=tmp_path / "deep" / "recorder.sqlite") as server:
        fill(client := a_client(server))
        assert post_runs(server, run).status_code == 202
        client.close()
    with server:
        client = a_client(server)
        assert server.recorder.runs.get(run["id"])["inputs"] == run["inputs"]
        assert post_runs(server, run).status_code == 409
        assert [example.inputs for example in client.list_examples(dataset_name="cases")] == [{"n": 1}]
        project = client.read_project(project_name="experiment", include_stats=True)
        assert (project.session_feedback_stats or {})["summary"]["avg"] == 1
        client.close()


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    database = tmp_path / "recorder.sqlite"
    with RecorderProcess(database) as process:
        runs = [a_run() for _ in range(20)]
        for run in runs:
            assert httpx.post(f"{process.url}/runs/batch", json={"post": [run]}).status_code == 202
        process.kill()
    with RecorderServer(db_path=database) as server:
        assert stored_ids(server) == {run["id"] for run in runs}


def test_a_port_in_use_is_an_error() -> None:
    with RecorderServer() as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(PermanentError, match="cannot listen on"):
            RecorderServer(port=port).start()
        with pytest.raises(RecorderError, match="already running"):
            server.start()


def test_a_file_that_is_no_database_is_refused_and_the_port_is_free_again(tmp_path: Path, port: int) -> None:
    (tmp_path / "notes.txt").write_text("not a database, " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        RecorderServer(port=port, db_path=tmp_path / "notes.txt").start()
    with RecorderServer(port=port) as server:
        assert httpx.get(f"{server.url}/info").status_code == 200


def test_the_journal_keeps_the_newest_frames_within_its_size() -> None:
    with RecorderServer(config=RecorderConfig(journal_bytes=3000)) as server:
        runs = [a_run(inputs={"n": n}) for n in range(10)]
        for run in runs:
            httpx.post(f"{server.url}/runs/batch", json={"post": [run]}, headers={"x-api-key": "secret"})

        def entries_to_the_last() -> list[JournalEntry]:
            # A frame is kept after its answer has gone out.
            entries = list(server.recorder.journal.entries())
            return entries if runs[-1]["id"].encode() in entries[-1].body else []

        entries = wait_for(entries_to_the_last, timeout_s=60, otherwise=lambda: "the last frame was not kept")
        assert 0 < sum(len(entry.body) for entry in entries) <= 3000
        assert runs[0]["id"].encode() not in entries[0].body
        assert {(entry.method, entry.path, entry.status) for entry in entries} == {("POST", "/runs/batch", 202)}
        assert "secret" not in str(entries)
