"""What `eval-pipeline run` says of traces, and the recorder it starts where there is none."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from langsmith import Client

from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.tracing.sample_runs import a_trace


@pytest.fixture(autouse=True)
def _traced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LANGSMITH_TRACING")
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "recorder")
    monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(tmp_path / "spool"))


def test_a_run_keeps_its_traces_where_the_recorder_finds_them_later(
    terminal: Terminal, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RecorderServer() as other:
        url = other.url
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", url)

    finished = terminal("run", suite, "--json")

    assert finished.document["experiment_url"].startswith(url)
    assert (tmp_path / "home" / "recorder.sqlite").is_file()


def test_a_recorder_that_answers_is_used(
    terminal: Terminal, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RecorderServer() as running:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", running.url)
        finished = terminal("run", suite)

    assert f"traces      {running.url}/o/" in finished.stdout
    assert not (tmp_path / "home" / "recorder.sqlite").exists()


def test_a_refused_key_is_said_once(terminal: Terminal, suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RecorderServer(config=RecorderConfig(token="right")) as strict:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", strict.url)
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_TOKEN", "wrong")
        finished = terminal("run", suite)

    assert finished.code == 3
    assert finished.stderr.count("refuses the API key") == 1


def test_a_port_that_another_program_has_is_said_with_where_to_look_afterwards(
    terminal: Terminal, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", f"http://127.0.0.1:{other.server_port}")
        finished = terminal("run", suite)
        other.shutdown()

    assert "until this run ends" in finished.stderr
    assert f"--db {tmp_path / 'home' / 'recorder.sqlite'}" in finished.stderr
    assert (tmp_path / "home" / "recorder.sqlite").is_file()


def test_what_waits_is_sent_though_tracing_is_off_by_now(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    with RecorderServer(port=port) as recorder:
        settings = LangSmithSettings(mode="recorder", recorder_url=recorder.url, spool_folder=tmp_path / "spool")
        recorder.stop()
        sender = SpoolingSender(settings)
        sender.send_runs(a_trace(children=0))
        assert sender.close(5).runs_spooled == 1
        recorder.start()
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", recorder.url)
        monkeypatch.setenv("EVAL_PIPELINE_TRACING", "off")

        flushed, again = terminal("traces", "flush"), terminal("traces", "flush")

    assert flushed.code == 0
    assert "recorder: 1 run and 0 scores sent" in flushed.stdout
    assert "the spool is empty" in again.stderr


def test_a_flush_restores_experiment_dataset_and_feedback_at_a_server_that_lacks_them(
    terminal: Terminal, suite: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVAL_PIPELINE_SPOOL")
    with RecorderServer() as lost:
        lost.faults.add(Fault(status=503, method="POST", path="/(runs|feedback)", times=None))
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", lost.url)
        document = terminal("run", suite, "--json").document
    assert [*(store / "trace_spool" / "recorder").glob("*.jsonl")]

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with RecorderServer() as other:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", other.url)
        flushed = terminal("traces", "flush")
        client = Client(api_url=other.url, api_key="any", auto_batch_tracing=False)
        experiment = client.read_project(project_name=document["experiment"])
        examples = {example.id for example in client.list_examples(dataset_id=experiment.reference_dataset_id)}
        database = other.recorder.database
        rows = database.rows("SELECT id, reference_example_id FROM runs WHERE reference_example_id IS NOT NULL")
        scores = database.rows(
            "SELECT run_id FROM feedback WHERE run_id IS NOT NULL AND session_id = ?", [str(experiment.id)]
        )
        page = httpx.get(document["experiment_url"].replace(lost.url, other.url)).status_code

    assert flushed.code == 0, flushed.stderr
    assert f"restored {document['experiment']}" in flushed.stdout
    assert len(examples) == len(rows) == 3
    assert {row["reference_example_id"] for row in rows} == set(map(str, examples))
    assert {row["id"] for row in rows} <= {score["run_id"] for score in scores}
    assert page == 200
