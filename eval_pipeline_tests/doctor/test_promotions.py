"""What promotions of a suite's prompt need, where something of the suite may move the tag by itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.store.layout import move_key
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.building import write_suite
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.doctor.findings import found_by
from eval_pipeline_tests.prompts.published import hub_at, publish

TARGET = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo", "prompt": "hub:support:production"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecorderServer]:
    with RecorderServer() as running:
        monkeypatch.setenv("EVAL_PIPELINE_TRACING", "recorder")
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", running.url)
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        yield running


def suite(folder: Path, **fields: Any) -> str:
    return str(write_suite(folder, name="shop", target=TARGET, **{"promotion": {"enabled": True}, **fields}))


def test_a_tag_is_looked_for_and_left_where_it_is(terminal: Terminal, server: RecorderServer, folder: Path) -> None:
    commit = publish(server.url, "Be kind.")
    message = found_by(terminal, suite(folder), code=0, health="ok")["promotion"]["message"]
    assert message.startswith(f"shop: hub:support:production is at {commit[:12]}, 0 moves on record")
    assert hub_at(server.url).tags("support") == {"production": commit}


def test_a_tag_that_names_nothing(terminal: Terminal, server: RecorderServer, folder: Path) -> None:
    publish(server.url, "Be kind.", tag=None)
    assert (
        found_by(terminal, suite(folder))["promotion"]["fix"] == "eval-pipeline prompts tag support production COMMIT"
    )


def test_a_prompt_that_is_not_there(terminal: Terminal, server: RecorderServer, folder: Path) -> None:
    del server
    assert "there is no prompt" in found_by(terminal, suite(folder))["promotion"]["message"]


def test_a_record_of_moves_that_cannot_be_read(
    terminal: Terminal, server: RecorderServer, folder: Path, tmp_path: Path
) -> None:
    publish(server.url, "Be kind.")
    LocalStore(tmp_path / "store").put(move_key("support", "production", 1), b"{}")
    assert "cannot be read as a move" in found_by(terminal, suite(folder))["promotion"]["message"]


def test_a_suite_that_promotes_nothing_by_itself_is_asked_nothing(
    terminal: Terminal, server: RecorderServer, folder: Path
) -> None:
    publish(server.url, "Be kind.")
    assert "promotion" not in found_by(terminal, suite(folder, promotion={}), code=0, health="ok")
