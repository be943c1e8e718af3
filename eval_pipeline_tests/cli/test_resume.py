"""`eval-pipeline run --resume`: a run that was killed is finished, and nothing is lost, paid or reported twice."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.evaluation.batch import UNKEPT
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.experiment_record import experiments_newest_first
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.dagster_homes import copy_databases
from eval_pipeline_tests.killed_runs import KilledRuns
from eval_pipeline_tests.outcome import materialized_partitions

CASES = 120
CONCURRENCY = 10


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KilledRuns]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with RecorderServer() as recorder:
        runs = KilledRuns(folder=tmp_path, recorder_url=recorder.url, cases=CASES, concurrency=CONCURRENCY)
        runs.write()
        yield runs


def test_a_run_killed_at_two_moments_ends_as_if_it_had_not_been(runs: KilledRuns) -> None:
    runs.run(kill_at_calls=30, delay_s=0.3)
    runs.run("--resume", kill_at_calls=100, delay_s=0.1)

    assert runs.run("--resume") == 0, (runs.folder / "stderr.txt").read_text()

    outcome = runs.outcome()
    assert len(runs.killed) == 2
    assert (outcome.results, outcome.rows_of_results, outcome.rows, outcome.cases_with_rows) == (CASES,) * 4
    assert (outcome.materializations, outcome.partitions, outcome.experiments, outcome.wrong) == (CASES, CASES, 1, 0)
    with dg.DagsterInstance.get() as instance:
        statuses = [run.status for run in instance.get_runs()]
    assert statuses == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.FAILURE]


def test_a_kill_costs_no_more_calls_than_may_be_in_flight(runs: KilledRuns) -> None:
    runs.run(kill_at_calls=90)

    assert runs.run("--resume") == 0, (runs.folder / "stderr.txt").read_text()

    outcome = runs.outcome()
    assert len(runs.killed) == 1
    assert (outcome.results, outcome.rows, outcome.wrong) == (CASES, CASES, 0)
    assert outcome.paid_twice <= max(CONCURRENCY, UNKEPT)


def _flaky(suite: Path) -> Path:
    """An agent that breaks on tea until a file is there. Returns the file."""
    mended = suite.parent / "mended"
    (suite / "agent.py").write_text(
        "import pathlib\n"
        "def answer(message):\n"
        f"    if 'tea' in message and not pathlib.Path({str(mended)!r}).exists():\n"
        "        raise RuntimeError('no tea')\n"
        f"    with open({str(suite.parent / 'calls')!r}, 'a') as calls:\n"
        "        calls.write(message + '\\n')\n"
        "    return '4.20 1.10'\n"
    )
    return mended


def _statuses(store: Path) -> list[tuple[str, str]]:
    opened = open_store(str(store))
    (record,) = experiments_newest_first(opened, "shop")
    rows = read_results(opened, "shop", record.experiment, columns=["status"]).to_pylist()
    return [(row["case_id"], row["status"]) for row in rows]


def test_resuming_what_is_finished_makes_nothing_again(terminal: Terminal, suite: Path) -> None:
    _flaky(suite)
    first = terminal("run", suite, "--json")
    again = terminal("run", suite, "--json", "--resume")

    assert again.document["experiment"] == first.document["experiment"]
    assert again.document["status_counts"] == first.document["status_counts"] == {"error": 1, "failed": 1, "passed": 1}
    assert len((suite.parent / "calls").read_text().splitlines()) == 2


def test_errors_are_retried_only_if_asked_for_also_with_a_dagster_home_that_knows_nothing_of_the_experiment(
    terminal: Terminal, suite: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _flaky(suite).touch()
    mended = suite.parent / "mended"
    mended.unlink()
    terminal("run", suite)
    mended.touch()

    terminal("run", suite, "--resume")
    assert _statuses(store) == [("gold", "failed"), ("milk", "passed"), ("tea", "error")]
    copy_databases(store.parent / "other_home")
    monkeypatch.setenv("DAGSTER_HOME", str(store.parent / "other_home"))
    finished = terminal("run", suite, "--resume", "--retry-errors", "--json")
    assert finished.document["status_counts"] == {"failed": 1, "passed": 2}, finished.stderr
    assert _statuses(store) == [("gold", "failed"), ("milk", "passed"), ("tea", "passed")]
    assert len((suite.parent / "calls").read_text().splitlines()) == 3
    with dg.DagsterInstance.get() as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
        assert len(materialized_partitions(instance, dg.AssetKey(["shop", "case_results"]))) == 3


def test_cases_of_an_experiment_cannot_be_chosen_anew(terminal: Terminal, suite: Path) -> None:
    terminal("run", suite, "--case", "tea")

    finished = terminal("run", suite, "--resume", "--case", "milk", "--repetitions", "2")

    assert finished.code == 2
    assert "--case, --repetitions cannot be used with --resume" in finished.stderr


def test_resuming_keeps_to_the_cases_that_were_undertaken(terminal: Terminal, suite: Path, store: Path) -> None:
    terminal("run", suite, "--case", "tea", "--case", "gold")

    terminal("run", suite, "--resume")

    assert [case_id for case_id, _ in _statuses(store)] == ["gold", "tea"]


def test_there_has_to_be_an_experiment(terminal: Terminal, suite: Path) -> None:
    assert "there is no experiment of shop" in terminal("run", suite, "--resume").stderr
    assert "there is no experiment 'shop-x'" in terminal("run", suite, "--resume", "shop-x").stderr


def test_another_agent_may_not_go_on(terminal: Terminal, suite: Path) -> None:
    terminal("run", suite, "--case", "tea")
    (suite / "agent.py").write_text("def answer(message):\n    return 'changed'\n")

    finished = terminal("run", suite, "--resume")

    assert finished.code == 3
    assert "was begun with target_version" in finished.stderr
