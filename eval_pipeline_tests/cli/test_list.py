"""`eval-pipeline list`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from eval_pipeline.cli.list import list_suites
from eval_pipeline.suite.discovery import SUITES_VARIABLE


def test_a_folder_that_looks_like_markup_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "[bold]").mkdir()
    (tmp_path / "[bold]" / "suite.yaml").write_text("name: 1\n")
    monkeypatch.setenv(SUITES_VARIABLE, str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    found = CliRunner().invoke(list_suites, standalone_mode=False)
    assert "[bold]" in found.output
    assert "eval-pipeline check [bold]" in found.output
