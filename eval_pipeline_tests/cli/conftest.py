"""A Dagster home, a store and a suite of its own for every test of the terminal."""

from pathlib import Path

import pytest

from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.dagster_homes import copy_databases
from eval_pipeline_tests.small_suite import write_small_suite


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, which the terminal uses."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVAL_PIPELINE_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "store"


@pytest.fixture
def terminal(store: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Terminal:
    """The terminal, on that store."""
    copy_databases(store.parent / "home")
    return made_terminal(monkeypatch, capfd)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The small suite."""
    return write_small_suite(tmp_path / "shop")
