"""What is finished of an experiment, whichever process wrote it, and the plans of its runs."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.pipeline.run_plan import planned_cases, write_plan
from eval_pipeline.results.case_result import (
    AssertionResult,
    CaseResult,
    EvaluationError,
    SimulationResult,
    TurnResult,
)
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.result_log import ResultLog, read_results
from eval_pipeline.results.result_row import RESULT_SCHEMA, result_of_row
from eval_pipeline.results.usage import TokenUsage
from eval_pipeline.store.local import LocalStore
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline_tests.analysis.rows import a_result, a_table, an_assertion

RECORD = ExperimentRecord(
    suite="sample",
    experiment="e",
    created_at=timestamp(),
    dataset_version="d",
    context_id=None,
    target_version="t",
    repetitions=None,
    launched_by={"launch": "r"},
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def _log(store: LocalStore, run_id: str = "r1") -> ResultLog:
    return ResultLog(store, suite="sample", experiment="e", writer=run_id)


def _view(store: LocalStore, **options: Any) -> ResultLogView:
    return ResultLogView.open(store, "sample", "e", **options)


def test_skipped_attempts_are_not_finished_and_errors_are_unless_retried(store: LocalStore) -> None:
    statuses = {"a": "passed", "b": "failed", "c": "error", "d": "skipped"}
    _log(store).append([a_result(case_id, status=status) for case_id, status in statuses.items()])

    assert {case_id for case_id, _ in _view(store).finished} == {"a", "b", "c"}
    assert {case_id for case_id, _ in _view(store, retry_errors=True).finished} == {"a", "b"}


def test_an_attempt_that_ran_to_its_end_with_the_same_fingerprint_is_reusable_and_no_other(store: LocalStore) -> None:
    statuses = ("passed", "failed", "unscored", "limit", "error", "skipped")
    _log(store).append([a_result(status, status=status, fingerprint="now") for status in statuses])
    _log(store, "r2").append([a_result("changed", fingerprint="before")])

    reusable = _view(store).reusable(dict.fromkeys([(case_id, 1) for case_id in (*statuses, "changed")], "now"))

    assert set(reusable) == {("passed", 1), ("failed", 1), ("unscored", 1)}


def test_a_case_is_whole_when_all_attempts_planned_are_finished(store: LocalStore) -> None:
    _log(store).append([a_result("a"), a_result("a", 2), a_result("b")])

    assert _view(store).complete({"a": [1, 2], "b": [1, 2], "c": [1]}) == {"a"}


def test_a_run_that_begins_anew_under_its_own_id_overwrites_nothing(store: LocalStore) -> None:
    _log(store).append([a_result("a")])
    again = _log(store)

    again.append([a_result("b")])
    again.append([a_result("c")])

    assert read_results(store, "sample", "e").column("case_id").to_pylist() == ["a", "b", "c"]


def test_a_torn_segment_is_left_out_once_it_was_set_aside(store: LocalStore, tmp_path: Path) -> None:
    log = _log(store)
    log.append([a_result("a")])
    torn = tmp_path / log.append([a_result("b")])
    torn.write_bytes(torn.read_bytes()[:100])

    view = _view(store, set_aside_by="r2")
    assert view.unreadable == (str(torn),)
    assert {case_id for case_id, _ in view.finished} == {"a"}
    assert _view(store, set_aside_by="r2").unreadable == ()
    assert torn.exists()
    log = _log(store)
    log.append([a_result("b")])
    assert read_results(store, "sample", "e").column("case_id").to_pylist() == ["a", "b"]


def test_the_cases_of_all_plans_are_planned(store: LocalStore) -> None:
    for run_id, cases in (("r1", ["b", "a"]), ("r2", ["c"]), ("r1", ["z"])):
        write_plan(store, "sample", "e", run_id=run_id, cases=cases)

    assert planned_cases(store, "sample", "e") == ["a", "b", "c"]


def test_an_error_that_was_retried_has_two_rows(store: LocalStore) -> None:
    _log(store).append([a_result("a", status="error", run_id="1"), a_result("b", run_id="2"), a_result("d")])
    _log(store, "r2").append([a_result("a", second=1, run_id="3"), a_result("c", status="skipped")])

    # Of `d` no trace could be made; `c` was never attempted.
    assert _view(store).traced_rows == 4


_errors = st.none() | st.builds(EvaluationError, name=st.text(), message=st.text(), traceback=st.text())
_events: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"type": st.sampled_from(["tool_call", "message"]), "name": st.text()},
    optional={
        "content": st.text(),
        "args": st.dictionaries(st.text(), st.integers()),
        "input_tokens": st.integers(0, 9),
    },
)
_turns = st.builds(
    TurnResult,
    index=st.integers(0, 9),
    input=st.text(),
    response=st.text(),
    events=st.lists(_events, max_size=2).map(tuple),
    latency_s=st.floats(0, 9),
)
_assertions = st.builds(
    AssertionResult,
    name=st.text(),
    type=st.text(),
    turn=st.none() | st.integers(0, 9),
    passed=st.none() | st.booleans(),
    score=st.none() | st.floats(0, 1),
    weight=st.floats(0, 9),
    message=st.text(),
    label=st.none() | st.text(),
    error=_errors,
    votes=st.lists(
        st.fixed_dictionaries(
            {
                "model": st.text(),
                "passed": st.none() | st.booleans(),
                "score": st.none() | st.floats(0, 1),
                "label": st.none() | st.text(),
                "reasoning": st.text(),
                "error": st.none() | st.text(),
                "seen": st.none() | st.lists(st.text(), max_size=2),
            }
        ),
        max_size=1,
    ).map(tuple),
)
_results = st.builds(
    a_result,
    status=st.sampled_from(["passed", "failed", "error", "skipped"]),
    tags=st.lists(st.text(), max_size=2).map(tuple),
    turns=st.lists(_turns, max_size=2).map(tuple),
    assertions=st.lists(_assertions, max_size=2).map(tuple),
    error=_errors,
    tokens=st.builds(TokenUsage, input=st.integers(0, 9)),
    simulation=st.none()
    | st.builds(SimulationResult, ended=st.just("max_turns"), reason=st.text(), turns=st.integers(0, 9)),
    run_id=st.none() | st.text(),
)


@given(_results)
def test_a_result_comes_back_from_its_row(result: CaseResult) -> None:
    (row,) = a_table([result]).to_pylist()

    assert result_of_row(row) == result


def test_results_are_read_whole_for_the_attempts_that_are_asked_for(store: LocalStore) -> None:
    kept = a_result("b", 2, assertions=(an_assertion("x"),), second=3)
    _log(store).append([a_result("a"), kept])
    _log(store, "r2").append([a_result("c")])

    assert list(_view(store).results({("b", 2), ("z", 1)})) == [kept]
    assert kept.started_at.tzinfo is not None
    assert kept.started_at - dt.timedelta(seconds=3) == a_result().started_at
    assert {field.name for field in RESULT_SCHEMA} >= {"run_id", "trace_id"}


def test_merged_segments_are_read_instead_of_those_they_hold(store: LocalStore, tmp_path: Path) -> None:
    log = _log(store)
    keys = [log.append([a_result(name)]) for name in ("a", "b", "c")]
    log.close()
    log.append([a_result("d")])
    log.close()

    assert read_results(store, "sample", "e").column("case_id").to_pylist() == ["a", "b", "c", "d"]
    assert [result.case_id for result in _view(store).results({(n, 1) for n in "abcd"})] == [
        "a",
        "b",
        "c",
        "d",
    ]
    assert all((tmp_path / key).exists() for key in keys)
    # A torn merged segment is set aside, and those it held are read again.
    (merged,) = (tmp_path / "experiments/sample/e/results").glob("*-000000-000002.parquet")
    merged.write_bytes(b"PAR1")
    view = _view(store, set_aside_by="r2")
    assert view.unreadable == (str(merged),)
    assert {case_id for case_id, _ in view.finished} == {*"abcd"}
    assert read_results(store, "sample", "e").column("case_id").to_pylist() == ["a", "b", "c", "d"]


def test_a_run_that_begins_anew_counts_on_from_merged_segments(store: LocalStore) -> None:
    log = _log(store)
    for name in ("a", "b"):
        log.append([a_result(name)])
    log.close()

    assert _log(store).append([a_result("c")]).endswith("r1-000002.parquet")


def test_what_a_later_run_writes_counts_whatever_the_clocks_say(store: LocalStore) -> None:
    """A result that is reused, or made by a clock that was set back, began before the error that it replaces."""
    _log(store).append([a_result("a", status="error", second=100), a_result("b", second=100)])
    view = _view(store, retry_errors=True)
    assert view.finished.keys() == {("b", 1)}
    again = ResultLog(store, suite="sample", experiment="e", writer="r2", order=view.next_order)
    again.append([a_result("a", second=1)])
    assert [row["status"] for row in read_results(store, "sample", "e", columns=["status"]).to_pylist()] == [
        "passed"
    ] * 2
    later = _view(store, retry_errors=True)
    assert later.finished.keys() == {("a", 1), ("b", 1)}
    assert [each.status for each in later.latest_results({("a", 1)})] == ["passed"]
    assert later.next_order > view.next_order


def test_rows_of_versions_without_an_order_count_by_when_they_began(store: LocalStore) -> None:
    old = a_table([a_result("a", status="error"), a_result("a", second=5)]).drop_columns(["log_order"])
    store.put_table("experiments/sample/e/results/r1-000000.parquet", old)
    assert [row["status"] for row in read_results(store, "sample", "e", columns=["status"]).to_pylist()] == ["passed"]
    view = _view(store)
    assert [each.status for each in view.latest_results({("a", 1)})] == ["passed"]
    assert view.next_order == 1
