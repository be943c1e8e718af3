"""The log of a task that several workers do at once."""

from pathlib import Path

from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.result_log import read_all_rows
from eval_pipeline.results.task_log import TaskLog, task_part
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result


def test_what_another_worker_wrote_is_left_out_also_of_segments_that_come_later(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    view = ResultLogView.open(store, "sample", "e", part=task_part("t"))
    one, other = (TaskLog(store, suite="sample", experiment="e", task="t", view=view) for _ in range(2))
    results = [a_result(name) for name in ("a", "b", "c")]

    assert one.keep(results) == results
    # The first of these meets the other's segment, the second has a free place before it.
    assert other.keep(results[:2]) == []
    assert other.keep(results[2:]) == []

    assert sorted(read_all_rows(store, "sample", "e", columns=["status"])["case_id"].to_pylist()) == ["a", "b", "c"]
