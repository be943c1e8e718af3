"""A server that does not answer and a spool that cannot be written: losses are reported, and `--resume` sends them.

No row is ever sent before the experiment that it belongs to: the server would take it for one of a plain project.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.experiment_record import experiments_newest_first
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.opening import open_store
from eval_pipeline.tracing.shape.shared_trace import shared_project
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.mid_run_failure import CASES, is_whole, mid_run_failure, nothing_happens, write_suite
from eval_pipeline_tests.small_disk import SmallDisk, small_disk

CASE_IDS = [f"c{number:02d}" for number in range(CASES)]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return write_suite(tmp_path / "shop")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecorderServer]:
    """A server to which traces go, and which is away."""
    with RecorderServer() as recorder:
        monkeypatch.delenv("LANGSMITH_TRACING")
        monkeypatch.setenv("EVAL_PIPELINE_TRACING", "langsmith")
        monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2_pt_of_the_test")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", recorder.url)
        recorder.faults.add(Fault(refuse=True, times=None))
        yield recorder


@pytest.fixture(params=["full", "read-only"])
def spool_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    """A spool that takes nothing."""
    monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(tmp_path / "spool"))
    with small_disk(tmp_path / "spool") as disk:
        if request.param == "full":
            disk.fill()
        else:
            disk.write_protect()
        yield disk


def mend(disk: SmallDisk) -> None:
    disk.let_write()
    disk.empty()


def projects(server: RecorderServer) -> list[dict[str, object]]:
    """Those of experiments, or what a server made of rows whose experiment it did not know."""
    traced = server.recorder.sessions.find()
    return [project for project in traced if project["name"] not in {"default", shared_project("shop")}]


def rows(server: RecorderServer) -> list[dict[str, object]]:
    """The rows of the only experiment, by case."""
    (project,) = projects(server)
    body = {"session": [project["id"]], "is_root": True, "limit": 100}
    traced: list[dict[str, object]] = httpx.post(f"{server.url}/runs/query", json=body).json()["runs"]
    return sorted(traced, key=lambda row: str(row["name"]))


def is_whole_at(server: RecorderServer) -> None:
    """There is one experiment over the dataset, closed, with one row a case, each of its example, and scored."""
    (project,) = projects(server)
    assert project["reference_dataset_id"] is not None
    assert project["end_time"] is not None
    examples = server.recorder.examples.find(dataset_id=str(project["reference_dataset_id"]), limit=-1)
    traced = rows(server)
    assert [row["name"] for row in traced] == CASE_IDS
    assert {row["reference_example_id"] for row in traced} == {example["id"] for example in examples}
    assert len(examples) == CASES
    for row in traced:
        scores = httpx.get(f"{server.url}/feedback", params={"run": str(row["id"])}).json()
        assert scores, row["name"]


def test_what_a_server_that_stays_away_misses_is_sent_by_resuming(
    terminal: Terminal, suite: Path, tmp_path: Path, server: RecorderServer, spool_disk: SmallDisk
) -> None:
    nothing_happens(suite)
    done = terminal("run", suite)
    assert done.code == 0, done.stderr
    assert projects(server) == []
    assert "are lost" in done.stderr
    assert f"eval-pipeline run {suite} --resume shop-" in done.stderr

    server.faults.clear()
    mend(spool_disk)
    is_whole(terminal("run", suite, "--resume", "--json"), suite, tmp_path / "store")
    is_whole_at(server)
    # The traces are at the address that was printed.
    store = open_store(str(tmp_path / "store"))
    (record,) = experiments_newest_first(store, "shop")
    urls = read_results(store, "shop", record.experiment, columns=["trace_url"])["trace_url"].to_pylist()
    assert [url for url in urls if f"/{projects(server)[0]['id']}/r/" not in url] == []


def test_what_a_server_misses_until_it_comes_back_is_sent_by_resuming(
    terminal: Terminal, suite: Path, tmp_path: Path, server: RecorderServer, spool_disk: SmallDisk
) -> None:
    with mid_run_failure(suite, server.faults.clear):
        done = terminal("run", suite)
    assert done.code == 0, done.stderr
    for project in projects(server):
        assert project["reference_dataset_id"] is not None

    mend(spool_disk)
    is_whole(terminal("run", suite, "--resume", "--json"), suite, tmp_path / "store")
    is_whole_at(server)


def test_rows_are_not_kept_without_the_experiment_that_could_not_be(
    terminal: Terminal, suite: Path, tmp_path: Path, server: RecorderServer, spool_disk: SmallDisk
) -> None:
    with mid_run_failure(suite, lambda: mend(spool_disk)):
        done = terminal("run", suite)
    assert done.code == 0, done.stderr
    server.faults.clear()
    for project in projects(server):
        assert project["reference_dataset_id"] is not None
    is_whole(terminal("run", suite, "--resume", "--json"), suite, tmp_path / "store")
    is_whole_at(server)


def test_a_new_host_knows_the_dataset_of_a_server_that_is_away(
    terminal: Terminal, suite: Path, tmp_path: Path, server: RecorderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_happens(suite)
    server.faults.clear()
    monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(tmp_path / "spool"))
    assert terminal("run", suite).code == 0
    (first,) = projects(server)

    monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(tmp_path / "spool of another host"))
    server.faults.add(Fault(refuse=True, times=None))
    assert terminal("run", suite).code == 0
    server.faults.clear()
    assert terminal("traces", "flush").code == 0

    (second,) = (project for project in projects(server) if project["id"] != first["id"])
    assert second["reference_dataset_id"] == first["reference_dataset_id"]
    examples = server.recorder.examples.find(dataset_id=str(first["reference_dataset_id"]), limit=-1)
    body = {"session": [second["id"]], "is_root": True, "limit": 100}
    traced = httpx.post(f"{server.url}/runs/query", json=body).json()["runs"]
    assert sorted(row["reference_example_id"] for row in traced) == sorted(example["id"] for example in examples)
    assert len(traced) == CASES
