"""What holds for every test: no cache but its own, no tracing, no key and no recorder of the person who runs it."""

import os
from pathlib import Path

import pytest

from eval_pipeline_tests.ports import free_port


@pytest.fixture(scope="session")
def own_recorder_url() -> str:
    """Where this process's runs start their recorder: at the usual port there may be somebody's, with their traces."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(autouse=True)
def _own_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, own_recorder_url: str
) -> None:
    for name in list(os.environ):
        if name.startswith(("LANGSMITH_", "LANGCHAIN_", "OPENAI_", "EVAL_PIPELINE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", own_recorder_url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for a suite."""
    made = tmp_path / "suite"
    made.mkdir()
    return made
