"""Ambient tracing is off while attempts are made, and as it was afterwards."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langsmith import RunTree, configure, tracing_context
from langsmith.utils import get_env_var, tracing_is_enabled

from eval_pipeline.environment import own_variables
from eval_pipeline.langsmith.ambient_tracing import no_ambient_tracing, untraced
from eval_pipeline.runs.collecting_client import CollectingClient
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.import_path import resolve


def _in_a_thread() -> bool:
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(tracing_is_enabled()))
    thread.start()
    thread.join()
    return bool(seen[0])


@pytest.fixture(autouse=True)
def _ambient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    cached: Any = get_env_var
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    cached.cache_clear()
    configure(enabled=None)  # what other tests of this process have configured
    yield
    cached.cache_clear()


def test_it_is_off_in_every_thread_and_for_child_processes_and_comes_back() -> None:
    assert _in_a_thread()
    with no_ambient_tracing():
        with no_ambient_tracing():
            assert not _in_a_thread()
        assert not _in_a_thread()
        assert not tracing_is_enabled()
        assert os.environ["LANGSMITH_TRACING"] == os.environ["LANGCHAIN_TRACING_V2"] == "false"
    assert _in_a_thread()
    assert os.environ["LANGSMITH_TRACING"] == "true"
    assert "LANGCHAIN_TRACING_V2" not in os.environ


def test_what_a_program_had_configured_comes_back() -> None:
    configure(enabled=True)
    try:
        with no_ambient_tracing():
            assert not _in_a_thread()
        assert _in_a_thread()
    finally:
        configure(enabled=None)


def test_settings_are_read_as_before_meanwhile() -> None:
    before = LangSmithSettings.from_environment()
    assert before.tracing_enabled
    with no_ambient_tracing():
        assert LangSmithSettings.from_environment() == before
        assert own_variables()["LANGSMITH_TRACING"] == "true"
    assert LangSmithSettings.from_environment() == before


def test_a_caller_that_variables_have_traced_does_not_make_attempts_traced() -> None:
    caller = RunTree(name="caller", ls_client=CollectingClient())
    with tracing_context(parent=caller):
        assert tracing_is_enabled()
        with untraced():
            assert not tracing_is_enabled()
        assert tracing_is_enabled()


def test_a_caller_that_has_chosen_a_client_traces_as_it_chose() -> None:
    with no_ambient_tracing(), tracing_context(enabled="local", client=CollectingClient()), untraced():
        assert tracing_is_enabled()


def test_a_module_that_sets_variables_moves_no_setting_and_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.delenv("LANGSMITH_PROJECT", raising=False)
    (folder / "agent.py").write_text(
        "import os\nos.environ.update(LANGSMITH_ENDPOINT='http://evil', LANGSMITH_PROJECT='p')\ndef f(): pass\n"
    )
    monkeypatch.setenv("LANGSMITH_PROJECT", "")
    before = LangSmithSettings.from_environment()

    resolve("agent.py:f", folder=folder)

    assert LangSmithSettings.from_environment() == before
    assert "agent.py sets LANGSMITH_ENDPOINT, LANGSMITH_PROJECT" in caplog.text
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:2")
    assert LangSmithSettings.from_environment().api_url == "http://127.0.0.1:2"
