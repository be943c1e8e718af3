"""Runs that Dagster shows as running: dead ones are reported and ended, running and unknown ones are left alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.defs.launching import cli_runs
from eval_pipeline.defs.launching.cli_runs import end_dead_runs, run_lock
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.doctor.findings import found_by

EXPERIMENT = "shop-0123456789ab"


@dg.op
def _nothing() -> None: ...


@dg.job
def _job() -> None:
    _nothing()


@pytest.fixture
def instance(terminal: Terminal) -> Iterator[dg.DagsterInstance]:
    del terminal
    with dg.DagsterInstance.get() as opened:
        yield opened


def _started(instance: dg.DagsterInstance) -> str:
    """A run that is being executed, as far as Dagster knows."""
    run_id = instance.create_run_for_job(job_def=_job, status=dg.DagsterRunStatus.STARTED).run_id
    assert _status(instance, run_id) == dg.DagsterRunStatus.STARTED
    return run_id


def _status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def _dead(instance: dg.DagsterInstance, *, host: str | None = None) -> str:
    """A run of a terminal that died."""
    run_id, home = _started(instance), Path(instance.root_directory)
    with pytest.raises(MemoryError), run_lock(home, EXPERIMENT, run_id):
        raise MemoryError
    if host is not None:
        note = home / "running" / f"{run_id}.json"
        note.write_text(json.dumps({**json.loads(note.read_text()), "host": host}))
    return run_id


def _warnings(terminal: Terminal) -> dict[str, Any]:
    return found_by(terminal, code=0, health="warning")


def test_a_dead_run_is_reported_and_ended_by_the_next_command(terminal: Terminal, instance: dg.DagsterInstance) -> None:
    run_id = _dead(instance)
    finding = _warnings(terminal)["runs"]
    assert (run_id in finding["message"], "eval-pipeline run" in finding["fix"]) == (True, True)
    assert _status(instance, run_id) == dg.DagsterRunStatus.STARTED

    (ended,) = end_dead_runs(instance)
    assert (ended.run_id, ended.experiment) == (run_id, EXPERIMENT)
    assert _status(instance, run_id) == dg.DagsterRunStatus.FAILURE
    assert "runs" not in _warnings(terminal)
    assert end_dead_runs(instance) == []


def test_a_run_that_works_is_left_alone(terminal: Terminal, instance: dg.DagsterInstance) -> None:
    run_id = _started(instance)
    with run_lock(Path(instance.root_directory), EXPERIMENT, run_id):
        assert end_dead_runs(instance) == []
        assert "runs" not in _warnings(terminal)
    assert _status(instance, run_id) == dg.DagsterRunStatus.STARTED


def test_a_run_of_another_host_is_reported_and_never_ended(terminal: Terminal, instance: dg.DagsterInstance) -> None:
    run_id = _dead(instance, host="another")
    assert end_dead_runs(instance) == []
    assert _status(instance, run_id) == dg.DagsterRunStatus.STARTED
    finding = _warnings(terminal)["runs elsewhere"]
    assert (f"{run_id} of another" in finding["message"], "Force termination" in finding["fix"]) == (True, True)


def test_a_run_that_no_terminal_began_is_reported_after_a_day_and_never_ended(
    terminal: Terminal, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = _started(instance)
    assert end_dead_runs(instance) == []
    assert "silent runs" not in _warnings(terminal)
    # A day from now, in other words.
    monkeypatch.setattr(cli_runs, "FORGOTTEN_SECONDS", -1)
    finding = _warnings(terminal)["silent runs"]
    assert (run_id in finding["message"], "Force termination" in finding["fix"]) == (True, True)
    assert _status(instance, run_id) == dg.DagsterRunStatus.STARTED


def test_what_ended_as_it_should_leaves_nothing_behind(instance: dg.DagsterInstance) -> None:
    home = Path(instance.root_directory)
    with run_lock(home, EXPERIMENT, _started(instance)):
        assert len([*(home / "running").iterdir()]) == 2
    assert [*(home / "running").iterdir()] == []
