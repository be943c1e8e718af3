"""The terminal when things end early: Ctrl-C, several first runs at once, targets that break everything."""

import contextlib
import signal
import sqlite3
from pathlib import Path

import dagster as dg

from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.small_suite import write_small_suite
from eval_pipeline_tests.waiting import wait_for
from eval_pipeline_tests.warm_processes import TERMINAL, run_warm, start_warm


def test_ctrl_c_keeps_and_shows_what_was_finished_and_resuming_evaluates_the_rest(suite: Path, store: Path) -> None:
    (suite / "suite.yaml").write_text((suite / "suite.yaml").read_text() + "evaluation: {max_concurrency: 1}\n")
    asked, hurry = suite.parent / "asked", suite.parent / "hurry"
    (suite / "agent.py").write_text(
        "import asyncio, pathlib\n"
        "async def answer(message):\n"
        f"    with open({str(asked)!r}, 'a') as log:\n"
        "        log.write(message + '\\n')\n"
        f"    if 'milk' in message and not pathlib.Path({str(hurry)!r}).exists():\n"
        "        await asyncio.sleep(60)\n"
        "    return '999'\n"
    )
    output, errors = suite.parent / "stdout", suite.parent / "stderr"
    process = start_warm(TERMINAL, "run", suite, folder=suite.parent, stdout=output, stderr=errors)
    wait_for(lambda: asked.exists() and "milk" in asked.read_text(), timeout_s=60, otherwise=errors.read_text)

    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    stdout, stderr = output.read_text(), errors.read_text()

    experiment = next((store / "experiments" / "shop").iterdir()).name
    assert process.returncode == 130, stderr
    assert "finished results are kept" in stderr
    assert "gold" in stdout
    assert "1 attempt finished" in stdout
    assert f"eval-pipeline run {suite} --resume {experiment}" in stdout
    assert read_results(open_store(str(store)), "shop", experiment).column("case_id").to_pylist() == ["gold"]

    with dg.DagsterInstance.from_config(str(suite.parent / "home")) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]

    hurry.touch()
    asked.unlink()
    again = run_warm(TERMINAL, "run", suite, "--resume")

    assert "3 cases, 3 attempts" in again.stdout, again.stderr
    assert len(asked.read_text().splitlines()) == 2
    assert "gold" not in asked.read_text()
    assert [each.name for each in (store / "experiments" / "shop").iterdir()] == [experiment]


def test_a_long_attempt_that_was_killed_goes_on_at_its_turn_if_the_suite_keeps_checkpoints(
    terminal: Terminal, suite: Path, store: Path
) -> None:
    (suite / "suite.yaml").write_text((suite / "suite.yaml").read_text() + "evaluation: {checkpoints: kept.sqlite}\n")
    (suite / "cases.yaml").write_text(
        "- id: long\n"
        "  turns: [{user: one}, {user: two}, {user: three}]\n"
        "  assertions: [{type: python, path: 'agent.py:said_all'}]\n"
    )
    asked = suite.parent / "asked"
    (suite / "agent.py").write_text(
        "import os, pathlib, signal, time\n"
        f"ASKED = pathlib.Path({str(asked)!r})\n"
        "def answer(message):\n"
        "    before = ASKED.read_text() if ASKED.exists() else ''\n"
        "    ASKED.write_text(before + message + '\\n')\n"
        "    if message == 'three' and 'three' not in before:\n"
        "        time.sleep(0.5)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return message\n"
        "def said_all(turns):\n"
        "    return [turn['response'] for turn in turns] == ['one', 'two', 'three']\n"
    )
    killed = run_warm(TERMINAL, "run", suite)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    finished = terminal("run", suite, "--resume", "--json")

    assert finished.document["status_counts"] == {"passed": 1}
    assert asked.read_text().split() == ["one", "two", "three", "three"]
    assert (suite / "kept.sqlite").stat().st_mode & 0o077 == 0
    with contextlib.closing(sqlite3.connect(suite / "kept.sqlite")) as kept:
        assert kept.execute("SELECT count(*) FROM checkpoints").fetchone() == (0,)
    assert len(list((store / "experiments" / "shop").iterdir())) == 1


def test_several_first_runs_at_once_leave_a_home_that_works(tmp_path: Path, store: Path) -> None:
    suites = [write_small_suite(tmp_path / name) for name in ("one", "two", "three")]
    for suite in suites:
        (suite / "suite.yaml").write_text(
            (suite / "suite.yaml").read_text().replace("name: shop", f"name: {suite.name}")
        )

    running = [
        start_warm(TERMINAL, "run", suite, folder=tmp_path, stderr=tmp_path / f"{suite.name}.log") for suite in suites
    ]
    codes = [process.wait(timeout=120) for process in running]

    assert codes == [0, 0, 0], [(tmp_path / f"{suite.name}.log").read_text() for suite in suites]
    again = run_warm(TERMINAL, "run", suites[0])
    assert again.returncode == 0, again.stderr
    assert {"one", "two", "three"} == {folder.name for folder in (store / "experiments").iterdir()}


def test_a_target_that_breaks_every_case_is_no_pass_even_without_gates(terminal: Terminal, suite: Path) -> None:
    (suite / "suite.yaml").write_text((suite / "suite.yaml").read_text().partition("gates:")[0])
    (suite / "agent.py").write_text("def answer(message):\n    raise RuntimeError('401 bad key')\n")

    finished = terminal("run", suite)

    assert finished.code == 3
    assert "every attempt ended in an error" in finished.stderr
    assert "401 bad key" in finished.stdout


def test_a_target_that_exits_is_an_error_of_its_case_only(terminal: Terminal, suite: Path) -> None:
    (suite / "agent.py").write_text(
        "import sys\nasync def answer(message):\n    return '1.10' if 'milk' in message else sys.exit(7)\n"
    )

    finished = terminal("run", suite, "--json")

    assert finished.document["status_counts"] == {"error": 2, "passed": 1}


def test_a_baseline_that_is_not_there_ends_the_run_before_anything_is_asked(terminal: Terminal, suite: Path) -> None:
    (suite / "suite.yaml").write_text((suite / "suite.yaml").read_text() + "baseline: shop-gone\n")
    asked = suite.parent / "asked"
    (suite / "agent.py").write_text(f"def answer(message):\n    open({str(asked)!r}, 'w').close()\n    return ''\n")

    finished = terminal("run", suite)

    assert finished.code == 3
    assert "no experiment 'shop-gone' of shop" in finished.stderr
    assert not asked.exists()


def test_what_was_asked_of_a_target_that_broke_is_kept(terminal: Terminal, suite: Path, store: Path) -> None:
    (suite / "agent.py").write_text("def answer(message):\n    raise RuntimeError('out of order')\n")
    terminal("run", suite, "--case", "tea")

    experiment = next((store / "experiments" / "shop").iterdir()).name
    (row,) = read_results(open_store(str(store)), "shop", experiment).to_pylist()
    assert row["turns"][0]["input"] == "What does tea cost?"
    assert [event["type"] for event in row["turns"][0]["events"]] == ["error"]
