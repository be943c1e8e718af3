"""The result log, and the record that pins an experiment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import CorruptDataError, ExperimentConflictError, MissingUpstreamError
from eval_pipeline.results.experiment_record import (
    ExperimentRecord,
    experiment_name,
    pin_experiment,
    read_experiment,
)
from eval_pipeline.results.result_log import ResultLog, read_results
from eval_pipeline.store.layout import experiment_key
from eval_pipeline.store.local import LocalStore
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline_tests.analysis.rows import a_result


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def a_log(store: LocalStore, run_id: str = "r1") -> ResultLog:
    return ResultLog(store, suite="sample", experiment="e", writer=run_id)


def a_record(**fields: Any) -> ExperimentRecord:
    defaults: dict[str, Any] = {
        "suite": "sample",
        "experiment": "e",
        "created_at": timestamp(),
        "dataset_version": "d1",
        "context_id": "x1",
        "target_version": "t1",
        "repetitions": None,
        "launched_by": {"run": "r1"},
    }
    return ExperimentRecord(**{**defaults, **fields})


def test_segments_of_several_runs_are_read_as_one_table(store: LocalStore) -> None:
    first, second = a_log(store), a_log(store, "r2")
    keys = [
        first.append([a_result("b"), a_result("a", 2)]),
        second.append([a_result("c")]),
        first.append([a_result("a")]),
    ]
    assert sorted(keys) == list(store.list("experiments/sample/e/results/"))
    table = read_results(store, "sample", "e")
    assert list(zip(*(table.column(name).to_pylist() for name in ("case_id", "attempt")), strict=True)) == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
        ("c", 1),
    ]


def test_of_several_results_for_one_attempt_the_latest_counts(store: LocalStore) -> None:
    a_log(store, "r9").append([a_result("a", second=5, status="failed"), a_result("a", 2, second=1)])
    a_log(store, "r1").append([a_result("a", second=9), a_result("b")])
    a_log(store, "r2").append([a_result("a", second=7, status="error")])
    rows = read_results(store, "sample", "e", columns=["status"]).to_pylist()
    assert [(row["case_id"], row["attempt"], row["status"]) for row in rows] == [
        ("a", 1, "passed"),
        ("a", 2, "passed"),
        ("b", 1, "passed"),
    ]


@pytest.mark.parametrize("columns", [None, ["status", "case_id"]])
def test_an_experiment_without_results_has_an_empty_table_with_its_columns(
    store: LocalStore, columns: list[str] | None
) -> None:
    empty = read_results(store, "sample", "e", columns=columns)
    assert empty.num_rows == 0
    a_log(store).append([a_result()])
    assert empty.column_names == read_results(store, "sample", "e", columns=columns).column_names


def test_a_segment_that_cannot_be_read_is_reported(store: LocalStore) -> None:
    key = a_log(store).append([a_result()])
    store.put(key, b"PAR1")
    with pytest.raises(CorruptDataError, match=r"r1-000000\.parquet is not readable"):
        read_results(store, "sample", "e")


def test_the_first_writer_of_a_record_wins_and_the_others_join(store: LocalStore) -> None:
    records = [a_record(dataset_version=f"d{n}", launched_by={"run": str(n)}) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        pinned = list(pool.map(lambda record: pin_experiment(store, record), records))
    assert len({record.dataset_version for record in pinned}) == 1
    assert read_experiment(store, "sample", "e") == pinned[0]
    assert pinned[0].model_copy(update={"order": 0}) in records


@pytest.mark.parametrize("change", [{"target_version": "t2"}, {"variant": "v"}, {"repetitions": 2}])
def test_a_run_that_cannot_provide_what_is_pinned_may_not_join(store: LocalStore, change: dict[str, Any]) -> None:
    pin_experiment(store, a_record())
    with pytest.raises(ExperimentConflictError, match=f"begun with {next(iter(change))}"):
        pin_experiment(store, a_record(**change))
    assert pin_experiment(store, a_record(context_id="x2")).context_id == "x1"


def test_a_record_that_is_missing_or_not_readable_is_reported(store: LocalStore) -> None:
    with pytest.raises(MissingUpstreamError, match="materialize case_results first"):
        read_experiment(store, "sample", "e")
    store.put(experiment_key("sample", "e"), b'{"suite": 1}')
    with pytest.raises(CorruptDataError, match="cannot be read as an experiment's record"):
        read_experiment(store, "sample", "e")


def test_the_name_of_an_experiment_follows_the_launch() -> None:
    assert experiment_name("sample", "0123456789abcdef") == "sample-0123456789ab"
