"""`eval-pipeline variants`: comparing from the terminal, showing it, and going on after a kill."""

import os
import signal
from pathlib import Path

import pytest

from eval_pipeline.evaluation.batch import UNKEPT
from eval_pipeline.results.result_log import read_all_rows
from eval_pipeline.store.opening import open_store
from eval_pipeline.variants.variant_plan import latest_plan
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.variants.skilled_suite import calls_of, write_skilled_suite
from eval_pipeline_tests.waiting import wait_for
from eval_pipeline_tests.warm_processes import TERMINAL, start_warm

_PATIENCE_S = 300.0


@pytest.fixture
def skills(tmp_path: Path) -> Path:
    return write_skilled_suite(tmp_path / "skills", good=9, bad=0)


def test_it_says_who_won_in_a_table_and_in_a_sentence(
    terminal: Terminal, skills: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    finished = terminal("variants", "run", skills, "--halving")

    assert finished.code == 0, finished.stderr
    printed = " ".join(finished.stdout.split())
    assert printed.startswith("good is better than current: pass rate 90.0% against 50.0% on 40 cases, +40.0 points")
    assert "bad was dropped on the way." in printed
    assert "better, wins" in printed
    assert "96 attempts; halving saved 24 of 120 (20%) in 2 interim comparisons" in printed
    assert "look 1 of 3: 3 variants on 16 of 40 cases" in finished.stderr
    assert "dropped bad: pass rate 0.0% on 16 cases" in finished.stderr
    shown = terminal("variants", "show", skills)
    assert shown.stdout == finished.stdout


def test_for_programs_it_is_one_document(terminal: Terminal, skills: Path) -> None:
    document = terminal(
        "variants", "run", skills, "--json", "--variants", "good", "--limit", "20", "--by", "score"
    ).document
    assert (document["winner"], document["metric"], document["score_delta"]) == ("good", "score", pytest.approx(0.4))
    assert [each["name"] for each in document["standings"]] == ["current", "good"]
    assert [each["cases"] for each in document["standings"]] == [20, 20]
    assert Path(document["page"].removeprefix("file://")).name == f"{document['name']}.html"
    assert terminal("variants", "show", skills, document["name"], "--json").document == document


def test_cases_may_be_chosen_as_for_a_run(terminal: Terminal, skills: Path) -> None:
    finished = terminal(
        "variants", "run", skills, "--json", "--cases", "c001,c002", "--case", "c003", "--repetitions", "2"
    )
    assert [each["cases"] for each in finished.document["standings"]] == [3, 3, 3]
    assert calls_of(skills) == {"5": 6, "good": 6, "bad": 6}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--variants", "goood"], "there is no variant 'goood' in skills"),
        (["--case", "c999"], "--case c999: no such case"),
        (["--retry-errors"], "--retry-errors requires --resume"),
        (["--resume"], "there is no comparison of skills"),
        (["--resume", "skills-x"], "there is no comparison 'skills-x' of skills"),
        (["--resume", "--halving"], "--halving cannot be used with --resume"),
    ],
)
def test_what_cannot_be_done_is_reported(terminal: Terminal, skills: Path, options: list[str], message: str) -> None:
    finished = terminal("variants", "run", skills, *options)
    assert finished.code == 2
    assert message in finished.stderr


def test_check_finds_the_prompt_of_a_variant_that_is_not_there(terminal: Terminal, suite: Path) -> None:
    with (suite / "suite.yaml").open("a") as file:
        file.write('variants: [{name: short, prompt: "file:gone.txt"}]\n')

    finished = terminal("check", suite)

    assert finished.code == 2
    assert "variants[0]: target.prompt" in finished.stderr
    assert "gone.txt" in finished.stderr


def test_where_nothing_was_compared_it_says_how(terminal: Terminal, skills: Path) -> None:
    finished = terminal("variants", "show", skills)
    assert (finished.code, "there is no comparison of skills" in finished.stderr) == (2, True)
    assert "eval-pipeline variants run" in finished.stderr


def test_an_experiment_of_a_comparison_is_not_resumed_by_itself(terminal: Terminal, skills: Path) -> None:
    document = terminal("variants", "run", skills, "--json", "--limit", "5").document
    alone = terminal("run", skills, "--resume", f"{document['name']}-good")
    assert alone.code == 2
    assert f"variants run skills --resume {document['name']}" in alone.stderr
    latest = terminal("run", skills, "--resume")
    assert "there is no experiment of skills" in latest.stderr


def test_one_that_was_killed_goes_on_and_keeps_what_it_had_finished(
    terminal: Terminal, tmp_path: Path, store: Path
) -> None:
    folder = write_skilled_suite(tmp_path / "skills", cases=120, seconds=0.05, good=9)
    process = start_warm(TERMINAL, "variants", "run", folder, folder=tmp_path, own_session=True)
    calls = folder / "calls.txt"
    wait_for(
        lambda: calls.exists() and calls.read_bytes().count(b"\n") >= 100,
        timeout_s=_PATIENCE_S,
        otherwise=lambda: f"too few calls; the process ended with {process.poll()}",
    )
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    opened = open_store(str(store))
    plan = latest_plan(opened, "skills")
    assert plan is not None
    kept = sum(
        read_all_rows(opened, "skills", plan.experiment(name), columns=["status"]).num_rows
        for name in ("current", "good")
    )
    assert 0 < kept < 240

    finished = terminal("variants", "run", folder, "--resume", "--json")

    assert finished.code == 0, finished.stderr
    assert (finished.document["name"], finished.document["winner"]) == (plan.name, "good")
    assert [each["cases"] for each in finished.document["standings"]] == [120, 120]
    assert 240 <= calls_of(folder).total() <= 240 + UNKEPT
    for name in ("current", "good"):
        rows = read_all_rows(opened, "skills", plan.experiment(name), columns=["status"])
        assert rows.num_rows == 120
