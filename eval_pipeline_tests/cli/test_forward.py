"""`eval-pipeline traces forward`: what was recorded offline goes to LangSmith later."""

from datetime import timedelta
from pathlib import Path

import pytest

from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.recorder.frames import an_experiment, stored_ids


def test_a_recording_is_forwarded_once(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "recorder.sqlite"
    with RecorderServer(db_path=database) as recorder:
        ids = an_experiment(recorder, timedelta(hours=1))
    with RecorderServer(config=RecorderConfig(token="key")) as langsmith:
        monkeypatch.setenv("LANGSMITH_ENDPOINT", langsmith.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "key")
        first = terminal("traces", "forward", "--db", database)
        again = terminal("traces", "forward", "--db", database)
        assert stored_ids(langsmith) == set(ids)

    assert (first.code, again.code) == (0, 0)
    assert "1 dataset with 1 example, 2 projects, 4 runs and 2 feedback sent · 0 were there already" in first.stdout
    assert "0 runs" in again.stdout


def test_without_a_key_or_a_recording_it_says_what_to_give(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANGSMITH_API_KEY", raising=False)
    without_key = terminal("traces", "forward")
    monkeypatch.setenv("LANGSMITH_API_KEY", "key")
    without_recording = terminal("traces", "forward")

    assert (without_key.code, without_recording.code) == (2, 2)
    assert "set LANGSMITH_API_KEY" in without_key.stderr
    assert "give --db" in without_recording.stderr
