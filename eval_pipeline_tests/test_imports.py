"""What is not imported by those who do not need it: seconds of start-up and a hundred megabytes a process."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from eval_pipeline.cli.main import _COMMANDS

_SHOW_MODULES = "import json, sys; print(json.dumps(sorted(sys.modules)))"
HEAVY = {"bm25s", "duckdb", "fastapi", "genai_prices", "pandas", "scipy.stats", "statsmodels", "uvicorn"}


def imported_by(code: str, folder: Path) -> set[str]:
    """The modules of a fresh process that has run `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{_SHOW_MODULES}"], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_imports_no_command(tmp_path: Path) -> None:
    code = "from eval_pipeline.cli.main import cli\ncli.main(['--help'], standalone_mode=False)"
    modules = imported_by(code, tmp_path)
    assert "eval_pipeline.cli.main" in modules
    assert modules.isdisjoint(HEAVY | {"dagster", "langchain_core", "langgraph", "pyarrow"})


@pytest.mark.parametrize("command", _COMMANDS)
def test_help_says_of_each_command_what_it_says_itself(command: str) -> None:
    module, function = _COMMANDS[command].module.split(":")
    imported = getattr(importlib.import_module(f"eval_pipeline.cli.{module}"), function)
    assert isinstance(imported, click.Command)
    assert _COMMANDS[command].summary == imported.get_short_help_str(200)


def test_an_estimate_imports_neither_pandas_nor_statsmodels_nor_all_of_scipys_statistics(tmp_path: Path) -> None:
    code = "from eval_pipeline.analysis.statistics.estimate import estimate\nestimate([[1.0], [0.0], [1.0]])"
    modules = imported_by(code, tmp_path)
    assert "scipy.special" in modules
    assert modules.isdisjoint({"pandas", "scipy.stats", "statsmodels"})


@pytest.mark.parametrize("code", ["import eval_pipeline.definitions", "import eval_pipeline.cli.evaluate.run"])
def test_neither_the_definitions_nor_a_run_import_what_only_some_runs_need(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    modules = imported_by(code, tmp_path)
    assert "dagster" in modules
    assert not HEAVY & modules


def test_a_static_check_imports_no_dagster(tmp_path: Path) -> None:
    code = (
        "from eval_pipeline.cli.main import cli\ncli.main(['check', 'support_desk', '--static'], standalone_mode=False)"
    )
    modules = imported_by(code, tmp_path)
    assert "eval_pipeline.suite.check" in modules
    assert modules.isdisjoint(HEAVY | {"dagster", "sqlalchemy"})
