"""What `eval-pipeline run` says of traces, and the recorder it starts where there is none."""

from pathlib import Path

import pytest

from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.cli.terminal import Terminal


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
