"""A Dagster home, a store and a suite of its own for every test of the terminal."""

import shutil
from pathlib import Path

import pytest

from eval_pipeline.cli.main import main
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
def run_before(run_once: Path, terminal: Terminal, suite: Path, store: Path) -> None:
    """The terminal has run the small suite in this test's home and store: they are copies."""
    del terminal, suite
    for name in ("home", "store"):
        shutil.copytree(run_once / name, store.parent / name, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that run."""
    folder = tmp_path_factory.mktemp("run")
    suite = write_small_suite(folder / "shop")
    copy_databases(folder / "home")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("DAGSTER_HOME", "home"),
            ("EVAL_PIPELINE_STORE", "store"),
            ("EVAL_PIPELINE_CACHE", "cache"),
        ):
            patch.setenv(name, str(folder / value))
        patch.setenv("LANGSMITH_TRACING", "false")
        patch.setattr("sys.argv", ["eval-pipeline", "run", str(suite)])
        with pytest.raises(SystemExit) as stopped:
            main()
    assert not stopped.value.code
    return folder


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The small suite."""
    return write_small_suite(tmp_path / "shop")
