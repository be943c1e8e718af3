"""The suite made worse on purpose: the gate fails the run, and names slices and cases."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.context.shared_context import SharedContext, SimilarDocument
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.variants.desk import write_part


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Terminal:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVAL_PIPELINE_STORE", str(tmp_path / "store"))
    return made_terminal(monkeypatch, capfd)


def _broken(context: SharedContext, query: str, k: int = 4) -> list[SimilarDocument]:
    """A retriever that finds the same articles whatever is asked."""
    del query
    return _sound(context, "gift wrapping", k)


_sound = SharedContext.search_documents


def test_a_broken_retriever_fails_the_run_and_the_gate_names_slices_and_cases(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gates(finished: Any) -> dict[str, Any]:
        return {gate["name"]: gate for gate in finished.document["gates"]}

    suite = write_part(tmp_path / "desk", "conversations.yaml", "refunds.yaml", "troubleshooting.jsonl", "shipping.csv")
    first = terminal("run", suite, "--json")
    monkeypatch.setattr(SharedContext, "search_documents", _broken)
    worse = terminal("run", suite, "--json")
    monkeypatch.setattr(SharedContext, "search_documents", _sound)
    restored = terminal("run", suite, "--json")

    assert (first.code, worse.code, restored.code) == (0, 1, 0)
    overall, by_tag = gates(worse)["max_regression"], gates(worse)["max_regression__tag_each"]
    assert not overall["passed"]
    assert "most clearly in" in overall["message"]
    assert "tag=policies" in overall["message"]
    assert not by_tag["passed"]
    assert "pass rate of tag=policies" in by_tag["message"]
    assert "tag=orders" not in by_tag["message"]
    assert set(by_tag["failing_cases"]) <= set(overall["failing_cases"])
    assert gates(restored)["max_regression"]["passed"]
    assert restored.document["comparison"]["baseline"] == first.document["experiment"]
    assert restored.document["comparison"]["regressed"] == []
