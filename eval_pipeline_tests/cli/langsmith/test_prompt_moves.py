"""`eval-pipeline prompts promote`, `rollback` and `history`, at the recorder's hub, after variants were compared."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.store.opening import open_store
from eval_pipeline.variants.variant_comparison import write_comparison
from eval_pipeline_tests.building import write_suite
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.prompts.published import hub_at, publish
from eval_pipeline_tests.variants.standings import comparison, standing

TARGET = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo", "prompt": "hub:support:production"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecorderServer]:
    with RecorderServer() as running:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", running.url)
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        yield running


@pytest.fixture
def asked(folder: Path) -> Path:
    """The suite, which sets nothing about promotions: a person may always ask for one."""
    return write_suite(folder, name="shop", target=TARGET)


@pytest.fixture
def commits(server: RecorderServer) -> tuple[str, str]:
    """The one in production, and a newer one."""
    return publish(server.url, "Be kind."), publish(server.url, "Be brief.", tag=None)


def compare(store: Path, before: str, after: str, **given: Any) -> None:
    current = standing("current", "current", prompts={"support": before})
    good = standing("good", "better", prompts={"support": after})
    compared = replace(comparison(standings=(current, good)), **given)
    write_comparison(open_store(str(store)), compared)


def production(server: RecorderServer) -> str:
    return hub_at(server.url).tags("support")["production"]


def test_a_winner_is_promoted_with_yes_and_rolled_back_again(
    terminal: Terminal, store: Path, server: RecorderServer, asked: Path, commits: tuple[str, str]
) -> None:
    old, new = commits
    compare(store, old, new)

    would = terminal("prompts", "promote", asked)
    moved = f"hub:support:production from {old[:12]} to {new[:12]}: good is better than current"
    assert (would.code, would.stdout) == (0, f"would promote {moved}; run with --yes to do it\n")
    assert production(server) == old
    done = terminal("prompts", "promote", asked, "--yes")
    assert (done.code, done.stdout) == (0, f"promoted {moved}\n")
    assert production(server) == new
    back = terminal("prompts", "rollback", asked, "--reason", "customers complained")
    assert back.code == 0
    assert production(server) == old

    again = terminal("prompts", "promote", asked, "--yes")
    assert (again.code, production(server)) == (1, old)
    assert "was rolled back" in again.stderr
    assert "customers complained" in again.stderr
    lines = terminal("prompts", "history", asked).stdout.splitlines()
    assert lines[0] == f"hub:support:production is at {old[:12]}"
    assert [
        f"{kind} {before[:12]} -> {after[:12]}" in line
        for kind, before, after, line in (
            ("rollback", new, old, lines[1]),
            ("promotion", old, new, lines[2]),
        )
    ] == [True, True]


def test_nothing_is_promoted_when_the_tag_was_moved_since(
    terminal: Terminal, store: Path, server: RecorderServer, asked: Path, commits: tuple[str, str]
) -> None:
    compare(store, *commits)
    other = publish(server.url, "Be quick.")
    finished = terminal("prompts", "promote", asked, "--yes")
    assert (finished.code, production(server)) == (1, other)
    assert "compare again" in finished.stderr


def test_a_tie_promotes_nothing_and_says_so(
    terminal: Terminal, store: Path, server: RecorderServer, asked: Path, commits: tuple[str, str]
) -> None:
    compare(store, *commits, winner=None, verdict="no significant difference")
    finished = terminal("prompts", "promote", asked, "--yes")
    assert (finished.code, finished.stderr) == (1, "not promoted: no significant difference\n")
    assert production(server) == commits[0]


def test_the_comparison_to_decide_from_may_be_named(
    terminal: Terminal, store: Path, server: RecorderServer, asked: Path, commits: tuple[str, str]
) -> None:
    compare(store, *commits)
    compare(store, *commits, name="later", made_at="2027-01-01T00:00:00.000+00:00", winner=None, verdict="a tie")
    assert terminal("prompts", "promote", asked, "--yes").code == 1
    assert terminal("prompts", "promote", asked, "--yes", "--comparison", "shop-0123456789ab").code == 0
    assert production(server) == commits[1]


def test_without_a_comparison_it_says_how_to_make_one(
    terminal: Terminal, server: RecorderServer, asked: Path, commits: tuple[str, str]
) -> None:
    del server, commits
    finished = terminal("prompts", "promote", asked)
    assert finished.code == 2
    assert "eval-pipeline variants run shop" in finished.stderr


def test_going_back_to_a_commit_that_is_named(
    terminal: Terminal, server: RecorderServer, asked: Path, commits: tuple[str, str]
) -> None:
    without = terminal("prompts", "rollback", asked)
    assert (without.code, production(server)) == (1, commits[0])
    assert "--to" in without.stderr
    assert terminal("prompts", "rollback", asked, "--to", commits[1][:10]).code == 0
    assert production(server) == commits[1]


@pytest.mark.parametrize("prompt", ["hub:support", "file:a.txt", None, f"hub:support:{'a' * 16}"])
def test_a_prompt_that_is_at_no_tag_cannot_be_promoted(terminal: Terminal, folder: Path, prompt: str | None) -> None:
    (folder / "a.txt").write_text("a")
    finished = terminal("prompts", "history", write_suite(folder, target={**TARGET, "prompt": prompt}))
    assert finished.code == 2
    assert "target.prompt" in finished.stderr
    assert "hub:support:production" in finished.stderr
