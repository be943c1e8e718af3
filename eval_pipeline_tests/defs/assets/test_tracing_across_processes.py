"""One experiment made by several processes at once: halves of a backfill, forked workers, one unified trace."""

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.send.flush import flush_spool
from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.half_of_a_backfill import run_half
from eval_pipeline_tests.defs.assets.many_cases import case_ids, write_many_cases
from eval_pipeline_tests.defs.assets.seen import experiments_at, rows_of, runs_at

CASES = case_ids(16)
HALVES = ((CASES[0], CASES[7]), (CASES[8], CASES[15]))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecorderServer]:
    with RecorderServer(db_path=tmp_path / "recorder.sqlite") as running:
        yield running


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[RecorderServer]:
    """Where the environment says that traces go, unlike the resource."""
    with RecorderServer(db_path=tmp_path / "elsewhere.sqlite") as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The suite, with its partitions, in a Dagster home that child processes inherit."""
    folder = write_many_cases(tmp_path / "many", len(CASES))
    with dagster_instance(tmp_path) as instance:
        DagsterProject(folder=folder, suite="many", instance=instance, store_root=tmp_path / "store").register(CASES)
        yield tmp_path


def _in_processes(
    root: Path, server: RecorderServer, elsewhere: RecorderServer, *, how: Literal["forkserver", "fork"], **given: Any
) -> None:
    """Run both halves at once, each in a process, and wait for them."""
    langsmith = {
        "mode": "recorder",
        "tracing_enabled": True,
        "recorder_url": server.url,
        "spool_folder": str(root / "spool"),
        **given,
    }
    environment = {
        **os.environ,
        "LANGSMITH_ENDPOINT": elsewhere.url,
        "LANGSMITH_API_KEY": "a-key",
        "LANGSMITH_PROJECT": "elsewhere",
    }
    more = {"backfill": "abcdefgh", "langsmith": langsmith, "environment": environment}
    context: Any = multiprocessing.get_context(how)
    workers = [context.Process(target=run_half, args=(root, *half), kwargs=more) for half in HALVES]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    flush_spool(LangSmithSettings(recorder_url=server.url, spool_folder=root / "spool"))


@pytest.mark.parametrize("how", ["forkserver", "fork"])
def test_two_runs_in_two_processes_are_one_experiment_with_every_row_once(
    root: Path, server: RecorderServer, elsewhere: RecorderServer, how: Literal["forkserver", "fork"]
) -> None:
    if how == "fork":
        # What a worker inherits from a parent that traced itself must not be what it traces with.
        _trace_here(root, server)

    _in_processes(root, server, elsewhere, how=how)

    runs = [run for run in runs_at(server.url) if run["project"] == "many-abcdefgh"]
    assert rows_of(runs) == CASES
    assert Counter(run["name"] for run in runs)["spoken"] == len(CASES)
    assert "many-abcdefgh" in experiments_at(server.url)
    assert not runs_at(elsewhere.url)


def test_a_unified_trace_has_the_cases_of_both_processes_below_its_one_root(
    root: Path, server: RecorderServer, elsewhere: RecorderServer
) -> None:
    _in_processes(root, server, elsewhere, how="fork", trace_mode="unified")

    runs = [run for run in runs_at(server.url) if run["project"] == "many-abcdefgh"]
    (top,) = [run for run in runs if not run["parent_run_id"]]
    assert top["name"] == "shared_context"
    assert {run["trace_id"] for run in runs} == {top["id"]}
    below = [run["name"] for run in runs if run["parent_run_id"] == top["id"]]
    assert sorted(name for name in below if name.startswith("case-")) == CASES
    # The client given is the client used: a parent made of headers alone would use the one the environment describes.
    assert Counter(run["name"] for run in runs)["spoken"] == len(CASES)
    assert not runs_at(elsewhere.url)


def _trace_here(root: Path, server: RecorderServer) -> None:
    more: dict[str, Any] = {"mode": "recorder", "tracing_enabled": True, "recorder_url": server.url}
    run_half(
        root,
        CASES[0],
        CASES[0],
        backfill="zyxwvuts",
        langsmith={**more, "spool_folder": str(root / "spool")},
        environment={},
    )
