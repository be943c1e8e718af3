"""What holds for every test: no cache but its own, no tracing, no key of the person who runs it."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("LANGSMITH_", "LANGCHAIN_", "OPENAI_", "EVAL_PIPELINE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for a suite."""
    made = tmp_path / "suite"
    made.mkdir()
    return made
