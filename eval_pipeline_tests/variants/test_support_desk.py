"""`support_desk` with prompts of a known order of quality: the right one wins, and a tie says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.store.local import LocalStore
from eval_pipeline.variants.evaluation_result import compare_variants, evaluation_results
from eval_pipeline.variants.variant_comparison import VariantComparison
from eval_pipeline_tests.variants.desk import MODEL, PROMPT_NAME, publish_prompts, write_desk


@pytest.fixture(scope="module")
def server() -> Iterator[RecorderServer]:
    with RecorderServer() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path, server: RecorderServer, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    server.recorder.clear()
    monkeypatch.setenv("EVAL_MODEL", MODEL)
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", server.url)
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "recorder")
    monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(tmp_path / "spool"))
    return LocalStore(tmp_path / "store")


def ranked(comparison: VariantComparison) -> list[tuple[str, str]]:
    return [(each.name, each.outcome) for each in comparison.standings]


def test_the_better_prompt_wins_over_one_that_guesses_and_one_that_is_broken(
    store: LocalStore, server: RecorderServer, tmp_path: Path
) -> None:
    commits = publish_prompts(server.url, current="guessing")
    folder = write_desk(tmp_path / "desk", "broken", "good", "guessing")

    comparison = compare_variants(folder, store=store, halving=True)

    assert comparison.winner == "good"
    # `guessing` is what `current` is, and dropped for being worse than `good`.
    assert ranked(comparison) == [
        ("current", "current"),
        ("good", "better"),
        ("guessing", "dropped"),
        ("broken", "dropped"),
    ]
    assert comparison.effort.saved > 0
    assert comparison.standing("good").prompts == {PROMPT_NAME: commits["good"]}
    assert comparison.standing("current").prompts == {PROMPT_NAME: commits["production"]}
    assert comparison.standing("good").gates_passed
    assert evaluation_results(store, comparison)["good"].best_override == f"hub:{PROMPT_NAME}:{commits['good']}"


def test_a_prompt_in_other_words_is_a_tie_and_a_broken_one_is_worse(
    store: LocalStore, server: RecorderServer, tmp_path: Path
) -> None:
    publish_prompts(server.url, current="good")
    folder = write_desk(tmp_path / "desk", "reworded", "broken")

    comparison = compare_variants(folder, store=store)

    assert comparison.winner is None
    assert comparison.verdict == "No significant difference between current and reworded; broken is worse."
    assert ranked(comparison) == [
        ("current", "current"),
        ("reworded", "no significant difference"),
        ("broken", "worse"),
    ]
