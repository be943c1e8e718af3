"""Disks that fill up or turn read-only half-way: one line says so, what was finished is kept, the run goes on.

What no result hangs on (the spool of traces, the cache of answers) costs no evaluation.
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.assets.tracing import RUNS_DROPPED
from eval_pipeline.experiment.result_log import read_all_rows
from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.cli.terminal import Finished, Terminal
from eval_pipeline_tests.small_disk import SmallDisk, small_disk

CASES = 12
AGENT = """\
import pathlib, time

HERE = pathlib.Path(__file__).parent


def answer(message):
    with (HERE / "calls").open("a") as calls:
        calls.write(message + "\\n")
    if message == "6" and not (HERE / "happened").exists():
        (HERE / "reached").touch()
        while not (HERE / "happened").exists():
            time.sleep(0.02)
    return message
"""
SUITE = """\
name: shop
cases: cases.yaml
target: {kind: python, path: "agent.py:answer"}
evaluation: {max_concurrency: 1}
"""
NO_ROOM, READ_ONLY = "No space left on device", "Read-only file system"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Twelve cases, the seventh of which waits for something to happen."""
    folder = tmp_path / "shop"
    folder.mkdir()
    cases = [
        f'- {{id: "c{n:02d}", input: "{n}", assertions: [{{type: equals, value: "{n}"}}]}}\n' for n in range(CASES)
    ]
    for name, text in {"suite.yaml": SUITE, "agent.py": AGENT, "cases.yaml": "".join(cases)}.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def store_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "store") as disk:
        yield disk


@pytest.fixture
def home_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "home") as disk:
        yield disk


@contextlib.contextmanager
def half_way(suite: Path, happens: Callable[[], None]) -> Iterator[None]:
    """Within it, something happens while the seventh case is evaluated, six being durable."""

    def wait() -> None:
        while not (suite / "reached").exists():
            time.sleep(0.02)
        time.sleep(0.5)
        happens()
        (suite / "happened").touch()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    yield
    thread.join(timeout=60)


def error_of(broken: Finished) -> str:
    """The one line that says why, of a command that failed for its surroundings."""
    assert broken.code == 3, broken.stderr
    assert "Traceback" not in broken.stderr
    (line,) = (line for line in broken.stderr.splitlines() if line.startswith("error: "))
    assert "Fix: " in line
    return line


def calls(suite: Path) -> Counter[str]:
    return Counter((suite / "calls").read_text().split())


def results(store: Path) -> list[str]:
    """Every row of the only experiment, superseded ones too."""
    opened = open_store(str(store))
    (experiment,) = {key.split("/")[2] for key in opened.list("experiments/shop/")}
    return sorted(read_all_rows(opened, "shop", experiment, columns=["case_id"])["case_id"].to_pylist())


def materialized() -> list[str]:
    with dg.DagsterInstance.get() as instance:
        found = instance.fetch_materializations(dg.AssetKey(["shop", "case_results"]), limit=1000)
    return sorted(str(record.partition_key) for record in found.records)


def is_whole(done: Finished, suite: Path, store: Path) -> None:
    """Everything is there, nothing twice, and the six that were durable were not paid for again."""
    case_ids = [f"c{n:02d}" for n in range(CASES)]
    assert done.code == 0, done.stderr
    assert done.document["status_counts"] == {"passed": CASES}
    assert results(store) == case_ids
    assert materialized() == case_ids
    assert [calls(suite)[str(n)] for n in range(6)] == [1] * 6


def test_a_run_whose_store_fills_up_keeps_what_it_finished_and_goes_on(
    terminal: Terminal, suite: Path, store_disk: SmallDisk
) -> None:
    with half_way(suite, store_disk.fill):
        broken = terminal("run", suite)
    assert NO_ROOM in error_of(broken)
    assert f"6 attempts are finished and kept; then go on with: eval-pipeline run {suite} --resume" in broken.stderr

    store_disk.empty()
    is_whole(terminal("run", suite, "--resume", "--json"), suite, store_disk.folder)


def test_a_run_whose_store_turns_read_only_keeps_what_it_finished_and_goes_on(
    terminal: Terminal, suite: Path, store_disk: SmallDisk
) -> None:
    with half_way(suite, store_disk.write_protect):
        broken = terminal("run", suite)
    assert READ_ONLY in error_of(broken)
    assert "6 attempts are finished and kept" in broken.stderr

    store_disk.let_write()
    is_whole(terminal("run", suite, "--resume", "--json"), suite, store_disk.folder)


@pytest.mark.parametrize("store_is", ["full", "read-only"])
def test_a_store_that_takes_nothing_is_told_before_anything_is_paid_for(
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
    with half_way(suite, home_disk.fill):
        broken = terminal("run", suite)
    line = error_of(broken)
    assert "Dagster's database" in line
    assert str(home_disk.folder) in line
    assert f"{CASES} attempts are finished and kept" in broken.stderr
    # Nor does any command begin that would need it.
    assert "Dagster's database" in error_of(terminal("run", suite, "--resume"))

    home_disk.empty()
    is_whole(terminal("run", suite, "--resume", "--json"), suite, tmp_path / "store")
    assert calls(suite).total() == CASES


@pytest.mark.parametrize("spool_is", ["full", "read-only"])
def test_a_spool_that_takes_nothing_loses_traces_counts_them_and_costs_no_evaluation(
    terminal: Terminal,
    suite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    spool_is: str,
) -> None:
    (suite / "happened").touch()
    monkeypatch.delenv("LANGSMITH_TRACING")
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "langsmith")
    monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2_pt_of_the_test")
    # Nobody listens there.
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
