"""Runs that start at the same time: every link opens, and every row is there, once."""

import time
from pathlib import Path

import pytest

from eval_pipeline_tests.simultaneous_runs import (
    environment,
    finished,
    recorder_processes,
    rows_at,
    served,
    start,
    write_counted_suite,
)

_RUNS, _CASES = 3, 5


@pytest.mark.parametrize("homes", [1, _RUNS])
def test_every_link_opens_and_every_row_is_there_once(tmp_path: Path, homes: int) -> None:
    suites = [write_counted_suite(tmp_path / str(n), _CASES) for n in range(_RUNS)]
    variables = [environment(tmp_path, tmp_path / f"home{n % homes}") for n in range(_RUNS)]

    runs = [start(suites[n], tmp_path / f"store{n % homes}", variables[n]) for n in range(_RUNS)]
    documents = finished(runs)

    for n in range(homes):
        with served(variables[n]):
            for document in documents[n::homes]:
                rows = rows_at(document)
                assert (rows.page, rows.rows, rows.cases) == (200, _CASES, _CASES), document
                assert rows.feedback >= _CASES
    deadline = time.monotonic() + 60
    while any(recorder_processes(tmp_path / f"home{n}") for n in range(homes)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len({document["experiment_url"].split("/o/")[0] for document in documents}) == homes
