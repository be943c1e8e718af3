"""`eval-pipeline prompts`, and what `check` says of a suite's prompts, without a key: at the recorder's hub."""

from pathlib import Path

import pytest

from eval_pipeline_tests.building import write_suite
from eval_pipeline_tests.cli.terminal import Terminal

PROMPT = "Be kind to {{customer}}."


@pytest.fixture
def written(store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: int) -> Path:
    del store
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", f"http://127.0.0.1:{port}")
    # The recorder of the terminal is started where runs are traced to it.
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    file = tmp_path / "prompt.txt"
    file.write_text(PROMPT)
    return file


def test_a_prompt_is_pushed_shown_pulled_and_tagged(terminal: Terminal, written: Path) -> None:
    pushed = terminal("prompts", "push", "support", written, "--tag", "production", "--message", "the first")
    assert (pushed.code, pushed.stdout.startswith("support:")) == (0, True), pushed.stderr
    first = pushed.stdout.strip().partition(":")[2]
    written.write_text("Be brief with {{customer}}.")
    second = terminal("prompts", "push", "support", written).stdout.strip().partition(":")[2]

    assert terminal("prompts", "pull", "support:production").stdout == f"{PROMPT}\n"
    copy = written.with_name("copy.txt")
    assert terminal("prompts", "pull", "support", copy).code == 0
    assert copy.read_text() == "Be brief with {{customer}}."
    assert terminal("prompts", "push", "support", copy).stdout.strip() == f"support:{second}", "nothing has changed"
    moved = terminal("prompts", "tag", "support", "production", "latest")
    assert moved.stdout == f"support:production is {second[:12]}, and was {first[:12]}\n"
    assert terminal("prompts", "list").stdout == f"support  (production {second[:12]})\n"
    shown = terminal("prompts", "show", "support:production").stdout
    assert "variables: customer" in shown
    assert f"  {second[:12]}  production\n  {first[:12]}\n" in shown


def test_who_pushes_over_what_he_has_not_seen_is_refused(terminal: Terminal, written: Path) -> None:
    first = terminal("prompts", "push", "support", written).stdout.strip().partition(":")[2]
    written.write_text("Be brief.")
    terminal("prompts", "push", "support", written, "--parent", first)
    written.write_text("Be quick.")
    refused = terminal("prompts", "push", "support", written, "--parent", first)
    assert refused.code == 3
    assert "another user or process changed" in refused.stderr


def test_check_says_that_a_prompt_is_missing_or_lost_a_variable(
    terminal: Terminal, written: Path, folder: Path
) -> None:
    target = {
        "kind": "python",
        "path": "eval_pipeline_tests.fakes:echo",
        "prompt": "hub:support",
        "variables": {"a": 1},
    }
    suite = write_suite(folder, target=target)
    missing = terminal("check", suite)
    assert missing.code == 2
    assert "suite.yaml · target.prompt: there is no prompt hub:support:latest" in missing.stderr
    terminal("prompts", "push", "support", written)
    lost = terminal("check", suite)
    assert lost.code == 2
    assert "lost the variables a" in lost.stderr
    sound = write_suite(folder, target={**target, "variables": {"customer": "Ann"}})
    assert terminal("check", sound).code == 0


def test_check_reads_the_files_of_prompts(terminal: Terminal, written: Path, folder: Path) -> None:
    del written
    target = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo", "prompt": "file:gone.txt"}
    finished = terminal("check", write_suite(folder, target=target))
    assert finished.code == 2
    assert "gone.txt" in finished.stderr
    (folder / "gone.txt").write_text("here")
    assert terminal("check", folder).code == 0
