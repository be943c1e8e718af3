"""`eval-pipeline list`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from eval_pipeline.cli.evaluate.list import list_suites
from eval_pipeline.settings import SUITES_VARIABLE
from eval_pipeline_tests.small_suite import SUITE, write_small_suite


def test_a_suite_whose_cases_are_on_a_server_that_is_away_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    monkeypatch.setenv("LANGSMITH_API_KEY", "key")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", f"http://127.0.0.1:{port}")
    for name, cases in {"far": "{langsmith_dataset: questions}", "near": "cases.yaml"}.items():
        write_small_suite(tmp_path / name)
        (tmp_path / name / "suite.yaml").write_text(SUITE.replace("shop", name).replace("cases.yaml", cases))
    monkeypatch.setenv(SUITES_VARIABLE, str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")
    finished = CliRunner().invoke(list_suites, standalone_mode=False)
    assert "the dataset 'questions' cannot be read" in finished.output
    assert "near" in finished.output


def test_a_folder_that_looks_like_markup_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "[bold]").mkdir()
    (tmp_path / "[bold]" / "suite.yaml").write_text("name: 1\n")
    monkeypatch.setenv(SUITES_VARIABLE, str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    finished = CliRunner().invoke(list_suites, standalone_mode=False)
    assert "[bold]" in finished.output
    assert "eval-pipeline check [bold]" in finished.output
