"""One launch evaluates an experiment at a time, on whichever host; one that is gone is taken over."""

import subprocess
import sys
from pathlib import Path

import pytest

from eval_pipeline.errors import PermanentError
from eval_pipeline.pipeline import ownership
from eval_pipeline.pipeline.ownership import OwnedWriter, Ownership, own_experiment
from eval_pipeline.results.result_log import ResultLog, read_results
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result

BEATS = "experiments/s/e/owners/"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setattr(ownership, "LOST_AFTER_SECONDS", 0.3)
    monkeypatch.setattr(ownership, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(ownership, "CHECK_SECONDS", 0.0)
    return LocalStore(tmp_path)


def owned(store: LocalStore, owner: str, run_id: str) -> Ownership:
    return own_experiment(store, "s", "e", owner=owner, run_id=run_id)


def silent(store: LocalStore, *, host: str = "elsewhere", process: int = 1) -> Ownership:
    """A claim of a run that wrote one heartbeat."""
    claimed = owned(store, "silent", "silent-run")
    store.put(f"{BEATS}{claimed.number:06d}/silent-run/beat", f"{host} {process} x".encode())
    return claimed


def test_another_launch_is_refused_while_the_owner_works(store: LocalStore) -> None:
    with owned(store, "one", "r1"):
        with pytest.raises(PermanentError, match="another launch is evaluating e"):
            owned(store, "other", "r2")
        with owned(store, "one", "r3") as joined:
            assert joined.number == 1


def test_an_owner_that_has_ended_is_followed_at_once(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "LOST_AFTER_SECONDS", 1e9)
    with owned(store, "one", "r1"):
        pass
    assert owned(store, "other", "r2").number == 2


def test_a_launch_of_several_runs_owns_until_all_have_ended(store: LocalStore) -> None:
    with owned(store, "one", "r1"):
        with owned(store, "one", "r2"):
            pass
        with pytest.raises(PermanentError):
            owned(store, "other", "r3")


def test_an_owner_without_a_sign_of_life_is_taken_over(store: LocalStore) -> None:
    silent(store)
    assert owned(store, "other", "r2").number == 2


def test_a_process_of_this_machine_that_is_gone_is_taken_over_at_once(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "LOST_AFTER_SECONDS", 1e9)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    silent(store, host=ownership.this_machine(), process=process.pid)
    assert owned(store, "other", "r2").number == 2


def test_who_was_taken_over_writes_no_more_rows(store: LocalStore) -> None:
    suspended = silent(store)
    writer = OwnedWriter(ResultLog(store, suite="s", experiment="e", run_id="silent-run"), suspended)
    writer.keep([a_result("a")])
    with owned(store, "other", "r2"), pytest.raises(PermanentError, match="taken over"):
        writer.keep([a_result("b")])
    assert read_results(store, "s", "e", columns=["status"]).column("case_id").to_pylist() == ["a"]
