"""Disks that fill up or turn read-only half-way: one line says so, what was finished is kept, the run goes on.

What no result hangs on (the spool of traces, the cache of answers) costs no evaluation.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.defs.assets.tracing import RUNS_DROPPED
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.mid_run_failure import (
    CASES,
    calls,
    error_of,
    is_whole,
    mid_run_failure,
    nothing_happens,
    write_suite,
)
from eval_pipeline_tests.small_disk import SmallDisk, small_disk

NO_ROOM, READ_ONLY = "No space left on device", "Read-only file system"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Twelve cases, the seventh of which waits for something to happen."""
    return write_suite(tmp_path / "shop")


@pytest.fixture
def store_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "store") as disk:
        yield disk


@pytest.fixture
def home_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "home") as disk:
        yield disk


def test_a_run_whose_store_fills_up_keeps_what_it_finished_and_goes_on(
    terminal: Terminal, suite: Path, store_disk: SmallDisk
) -> None:
    with mid_run_failure(suite, store_disk.fill):
        broken = terminal("run", suite)
    assert NO_ROOM in error_of(broken)
    assert f"6 attempts are finished and kept. Resume with: eval-pipeline run {suite} --resume" in broken.stderr

    store_disk.empty()
    is_whole(terminal("run", suite, "--resume", "--json"), suite, store_disk.folder)


def test_a_run_whose_store_turns_read_only_keeps_what_it_finished_and_goes_on(
    terminal: Terminal, suite: Path, store_disk: SmallDisk
) -> None:
    with mid_run_failure(suite, store_disk.write_protect):
        broken = terminal("run", suite)
    assert READ_ONLY in error_of(broken)
    assert "6 attempts are finished and kept" in broken.stderr

    store_disk.let_write()
    is_whole(terminal("run", suite, "--resume", "--json"), suite, store_disk.folder)


@pytest.mark.parametrize("store_is", ["full", "read-only"])
def test_a_store_that_accepts_nothing_is_reported_before_anything_is_paid_for(
    terminal: Terminal, suite: Path, store_disk: SmallDisk, store_is: str
) -> None:
    if store_is == "full":
        store_disk.fill()
    else:
        store_disk.write_protect()
    line = error_of(terminal("run", suite))
    assert (NO_ROOM if store_is == "full" else READ_ONLY) in line
    assert str(store_disk.folder) in line
    assert not (suite / "calls").exists()


def test_results_outlive_a_dagster_home_that_fills_up(
    terminal: Terminal, suite: Path, tmp_path: Path, home_disk: SmallDisk
) -> None:
    with mid_run_failure(suite, home_disk.fill):
        broken = terminal("run", suite)
    line = error_of(broken)
    assert "Dagster's database" in line
    assert str(home_disk.folder) in line
    assert f"{CASES} attempts are finished and kept" in broken.stderr
    # Nor does any command begin that would need it.
    assert "Dagster's database" in error_of(terminal("run", suite, "--resume"))

    home_disk.empty()
    resumed = terminal("run", suite, "--resume", "--json")
    is_whole(resumed, suite, tmp_path / "store")
    assert calls(suite).total() == CASES
    # The run whose end could not be written is not shown as running indefinitely.
    with dg.DagsterInstance.get() as instance:
        second, first = instance.get_runs()
    assert (first.status, second.status) == (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS)
    assert f"run {first.run_id} of {resumed.document['experiment']} ended without" in resumed.stderr


@pytest.mark.parametrize("spool_is", ["full", "read-only"])
def test_a_spool_that_takes_nothing_loses_traces_counts_them_and_costs_no_evaluation(
    terminal: Terminal,
    suite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    spool_is: str,
) -> None:
    nothing_happens(suite)
    monkeypatch.delenv("LANGSMITH_TRACING")
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "langsmith")
    monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2_pt_of_the_test")
    # No server listens there.
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(tmp_path / "spool"))
    with small_disk(tmp_path / "spool") as disk:
        if spool_is == "full":
            disk.fill()
        else:
            disk.write_protect()
        done = terminal("run", suite, "--json")
    is_whole(done, suite, tmp_path / "store")
    assert "traces and more are lost" in caplog.text
    with dg.DagsterInstance.get() as instance:
        (record,) = instance.fetch_materializations(dg.AssetKey(["shop", "experiment"]), limit=1).records
    assert record.asset_materialization is not None
    dropped = record.asset_materialization.metadata[RUNS_DROPPED].value
    assert isinstance(dropped, int)
    assert dropped >= CASES


@pytest.fixture
def kept_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "kept") as disk:
        yield disk


def checkpointed_suite(tmp_path: Path, file: Path) -> Path:
    return write_suite(tmp_path / "shop", evaluation=f", checkpoints: {file}")


def test_a_run_whose_checkpoints_find_no_room_keeps_what_it_finished_and_goes_on(
    terminal: Terminal, tmp_path: Path, kept_disk: SmallDisk
) -> None:
    file = kept_disk.folder / "attempts.sqlite"
    suite = checkpointed_suite(tmp_path, file)
    with mid_run_failure(suite, kept_disk.fill):
        broken = terminal("run", suite)
    line = error_of(broken)
    assert (str(file) in line, "evaluation.checkpoints" in line) == (True, True)
    assert "6 attempts are finished and kept" in broken.stderr
    # A full disk is no error of the target, so it becomes no row, and no further attempt is made.
    assert sorted(calls(suite)) == [str(number) for number in range(7)]

    kept_disk.empty()
    is_whole(terminal("run", suite, "--resume", "--json"), suite, tmp_path / "store")


@pytest.mark.parametrize("disk_is", ["full", "read-only"])
def test_checkpoints_that_cannot_be_kept_are_reported_before_anything_is_paid_for(
    terminal: Terminal, tmp_path: Path, kept_disk: SmallDisk, disk_is: str
) -> None:
    file = kept_disk.folder / "attempts.sqlite"
    suite = checkpointed_suite(tmp_path, file)
    if disk_is == "full":
        kept_disk.fill()
    else:
        kept_disk.write_protect()
    line = error_of(terminal("run", suite))
    assert (str(file) in line, "evaluation.checkpoints" in line) == (True, True)
    assert not (suite / "calls").exists()


def test_a_damaged_file_of_checkpoints_is_named_and_may_be_deleted(
    terminal: Terminal, tmp_path: Path, suite: Path
) -> None:
    file = tmp_path / "attempts.sqlite"
    checkpointed_suite(tmp_path, file)
    nothing_happens(suite)
    file.write_bytes(b"no database" * 1000)
    line = error_of(terminal("run", suite))
    assert (str(file) in line, "may be deleted" in line) == (True, True)

    file.unlink()
    is_whole(terminal("run", suite, "--resume", "--json"), suite, tmp_path / "store")
