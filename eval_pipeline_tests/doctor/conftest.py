"""A deployment where nothing is wrong yet."""

from pathlib import Path

import pytest

from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.cli.terminal import terminal as made_terminal


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Terminal:
    """The terminal, in a deployment of one machine."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("EVAL_PIPELINE_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return made_terminal(monkeypatch, capfd)
