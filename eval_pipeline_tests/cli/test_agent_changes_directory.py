"""An agent that changes the working folder changes nothing of the run: its paths stay those of the start."""

import os
from pathlib import Path

import pytest

from eval_pipeline.settings import PipelineSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline.working_folder import hold_working_folder, working_folder
from eval_pipeline_tests.building import write_suite
from eval_pipeline_tests.cli.terminal import Terminal

AGENT = """
import os, tempfile

def answer(message):
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)
    return message
"""


def test_everything_is_where_the_command_was_started(
    terminal: Terminal, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "agent.py").write_text(AGENT)
    started = tmp_path / "started"
    started.mkdir()
    write_suite(folder, target={"kind": "python", "path": "agent.py:answer"})
    monkeypatch.chdir(started)
    monkeypatch.delenv("EVAL_PIPELINE_STORE", raising=False)
    ran = terminal("run", os.path.relpath(folder), "--json")
    assert ran.code == 0, ran.stderr
    assert Path(ran.document["report"]).is_file()
    assert Path(ran.document["report"]).is_relative_to(started / "data")


def test_paths_of_the_environment_and_the_store_are_those_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", "cache")
    (tmp_path / "elsewhere").mkdir()
    with hold_working_folder():
        assert PipelineSettings.from_environment().cache == Path("cache")
        os.chdir("elsewhere")
        assert PipelineSettings.from_environment().cache == tmp_path / "cache"
        assert LocalStore(Path("data")).root == str(tmp_path / "data")
        assert working_folder() == tmp_path
    assert working_folder() == tmp_path / "elsewhere"
