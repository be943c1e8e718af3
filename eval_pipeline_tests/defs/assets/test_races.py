"""Runs of one backfill that begin at once, in processes: one record of the experiment, one build of the context."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline.results.result_log import read_all_rows
from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.half_of_a_backfill import run_half
from eval_pipeline_tests.defs.assets.many_cases import SUITE, case_ids, write_many_cases

CASES = case_ids(12)
SHARES = ((CASES[0], CASES[3]), (CASES[4], CASES[7]), (CASES[8], CASES[11]))
_NOTES = """\
import os, pathlib, time


def notes():
    with (pathlib.Path(__file__).parent / "builds").open("a") as builds:
        builds.write(f"{os.getpid()}\\n")
    # Long enough for the others to come to the same point meanwhile.
    time.sleep(1.5)
    return [{"id": "n1", "text": "tea is from Assam"}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[DagsterProject]:
    folder = write_many_cases(tmp_path / "many", len(CASES))
    (folder / "suite.yaml").write_text(SUITE.replace("{file: notes.jsonl}", "{python: 'notes.py:notes'}"))
    (folder / "notes.py").write_text(_NOTES)
    with dagster_instance(tmp_path) as instance:
        project = DagsterProject(folder=folder, suite="many", instance=instance, store_root=tmp_path / "store")
        project.register(CASES)
        yield project


def test_runs_that_race_pin_one_experiment_and_build_one_context(project: DagsterProject, tmp_path: Path) -> None:
    more = {"backfill": "abcdefgh", "langsmith": {"mode": "off"}, "environment": {}}
    processes = multiprocessing.get_context("fork")
    workers = [processes.Process(target=run_half, args=(tmp_path, *share), kwargs=more) for share in SHARES]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)

    assert [worker.exitcode for worker in workers] == [0] * len(SHARES)
    assert len((project.folder / "builds").read_text().split()) == 1
    keys = list(project.store.list(""))
    assert len([key for key in keys if key.endswith("/experiment.json")]) == 1
    assert len([key for key in keys if key.startswith("contexts/") and key.endswith("manifest.json")]) == 1
    (experiment,) = {key.split("/")[2] for key in keys if key.startswith("experiments/")}
    rows = read_all_rows(project.store, "many", experiment, columns=["case_id", "context_id"])
    assert sorted(rows["case_id"].to_pylist()) == CASES
    assert len(set(rows["context_id"].to_pylist())) == 1
    assert project.materialized() == set(CASES)
