"""`compute: subprocess`: a run's cases in worker processes, killed in the middle, and finished once."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.killed_runs import KilledRuns
from eval_pipeline_tests.workers.begun import write_counting_suite

CASES = 60
_PATIENCE_S = 300.0


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KilledRuns]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with RecorderServer() as recorder:
        compute = "{kind: subprocess, cases_per_task: 10, max_parallel: 2, poll_s: 0.2}"
        runs = KilledRuns(folder=tmp_path, recorder_url=recorder.url, cases=CASES, concurrency=4, compute=compute)
        runs.write()
        yield runs


def _finished_once(runs: KilledRuns) -> None:
    outcome = runs.outcome()
    assert (outcome.results, outcome.rows_of_results, outcome.rows, outcome.cases_with_rows) == (CASES,) * 4
    assert (outcome.materializations, outcome.partitions, outcome.experiments, outcome.wrong) == (CASES, CASES, 1, 0)


def test_a_run_that_is_killed_with_its_workers_goes_on(runs: KilledRuns) -> None:
    runs.run(kill_at_calls=25, delay_s=0.2)

    assert runs.run("--resume") == 0, (runs.folder / "stderr.txt").read_text()

    assert len(runs.killed) == 1
    _finished_once(runs)


def test_a_worker_that_is_killed_costs_what_it_had_in_flight(runs: KilledRuns) -> None:
    killed: list[int] = []

    def kill() -> None:
        until = time.monotonic() + _PATIENCE_S
        while not killed and time.monotonic() < until:
            if runs.count_calls() >= 15:
                for process in _workers(runs.folder)[:1]:
                    os.kill(process, signal.SIGKILL)
                    killed.append(process)
            time.sleep(0.01)

    killing = threading.Thread(target=kill)
    killing.start()
    code = runs.run()
    killing.join()

    assert code == 0, (runs.folder / "stderr.txt").read_text()
    assert len(killed) == 1
    _finished_once(runs)


def test_what_has_not_changed_goes_to_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    compute = "{kind: subprocess, cases_per_task: 5, max_parallel: 1, poll_s: 0.2}"
    suite = write_counting_suite(tmp_path / "suites" / "counted", cases=12, compute=compute)
    for name in ("home", "store", "cache"):
        monkeypatch.setenv("DAGSTER_HOME" if name == "home" else f"EVAL_PIPELINE_{name.upper()}", str(tmp_path / name))
    terminal, calls = made_terminal(monkeypatch, capfd), tmp_path / "calls.txt"
    first = terminal("run", suite, "--json").document["status_counts"]
    assert first == {"passed": 11, "error": 1}
    calls.unlink()
    written = (suite / "cases.yaml").read_text()
    # The other way round: 8 and 9 are asked for the kind of the other.
    (suite / "cases.yaml").write_text(written.replace('"8"', '"eight"').replace('"9"', '"8"').replace('"eight"', '"9"'))

    again = terminal("run", suite, "--reuse", "unchanged", "--json")

    # The attempt that broke is no finished one.
    assert sorted(calls.read_text().split()) == ["3", "8", "9"], again.stderr
    assert again.document["status_counts"] == {"passed": 9, "failed": 2, "error": 1}
    calls.unlink()
    assert terminal("run", suite, "--reuse", "unchanged", "--json").document["status_counts"]["failed"] == 2
    assert calls.read_text().split() == ["3"]


def _workers(folder: Path) -> list[int]:
    """The worker processes of the runs in `folder`."""
    process_ids = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().split(b"\0")
            own = str(folder / "store").encode() in (process / "environ").read_bytes()
            if own and b"eval_pipeline.workers" in command:
                process_ids.append(int(process.name))
    return process_ids
