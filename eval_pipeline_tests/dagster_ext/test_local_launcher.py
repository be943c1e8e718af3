"""The launcher of one machine knows whether the process of a run is alive."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from eval_pipeline.dagster_ext import local_launcher
from eval_pipeline.dagster_ext.local_launcher import (
    LAUNCHED_ON_TAG,
    LocalRunLauncher,
    lost_runs,
    start_of_this_machine,
)
from eval_pipeline.defs.launching.instance import open_instance
from eval_pipeline.processes import is_alive


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance of the default home."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with open_instance() as opened:
        yield opened


@pytest.fixture
def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def a_run(instance: dg.DagsterInstance, process: int, launched_on: str | None) -> dg.DagsterRun:
    tags = {} if launched_on is None else {LAUNCHED_ON_TAG: launched_on}
    run = dg.DagsterRun(job_name="j", status=dg.DagsterRunStatus.STARTED, tags=tags)
    instance.add_run(run)
    event = f"Started process for run (pid: {process})."
    instance.report_engine_event(event, run, EngineEventData.in_process(process))
    return run


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    return str(instance.run_launcher.check_run_worker_health(run).status.value)


def test_the_default_home_monitors_its_runs(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.run_launcher, LocalRunLauncher)
    assert instance.run_launcher.supports_check_run_worker_health
    assert instance.run_monitoring_enabled


def test_a_run_whose_process_is_alive_is_running(instance: dg.DagsterInstance) -> None:
    run = a_run(instance, os.getpid(), start_of_this_machine())
    assert health(instance, run) == "RUNNING"
    assert lost_runs(instance) == {}


def test_a_run_whose_process_is_gone_fails_after_a_moment(
    instance: dg.DagsterInstance, ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(instance, ended, start_of_this_machine())
    assert lost_runs(instance).keys() == {run.run_id}
    assert health(instance, run) == "RUNNING"
    monkeypatch.setattr(local_launcher, "GONE_AFTER_SECONDS", 0.0)
    assert health(instance, run) == "FAILED"


def test_a_run_fails_at_once_after_a_restart_even_if_its_process_id_is_in_use(instance: dg.DagsterInstance) -> None:
    run = a_run(instance, os.getpid(), "host another-boot 1")
    assert health(instance, run) == "FAILED"
    assert "restarted" in lost_runs(instance)[run.run_id]


def test_a_run_that_another_program_started_is_left_alone(instance: dg.DagsterInstance, ended: int) -> None:
    """Terminals run jobs in their own process; the next command marks those that were killed."""
    assert health(instance, a_run(instance, ended, None)) == "RUNNING"


def test_a_process_that_ended_and_was_not_waited_for_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(process.pid)
    process.wait()
