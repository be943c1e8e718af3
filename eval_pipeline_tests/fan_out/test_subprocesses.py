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
from eval_pipeline_tests.killed_runs import KilledRuns

CASES = 60
_PATIENCE_S = 300.0


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KilledRuns]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with RecorderServer() as recorder:
        compute = "{kind: subprocess, cases_per_task: 10, poll_s: 0.2}"
        made = KilledRuns(folder=tmp_path, recorder_url=recorder.url, cases=CASES, concurrency=4, compute=compute)
        made.write()
        yield made


def _finished_once(runs: KilledRuns) -> None:
    found = runs.aftermath()
    assert (found.results, found.rows_of_results, found.rows, found.cases_with_rows) == (CASES,) * 4
    assert (found.materializations, found.partitions, found.experiments, found.wrong) == (CASES, CASES, 1, 0)


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


def _workers(folder: Path) -> list[int]:
    """The worker processes of the runs in `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().split(b"\0")
            own = str(folder / "store").encode() in (process / "environ").read_bytes()
            if own and b"eval_pipeline.worker" in command:
                found.append(int(process.name))
    return found
