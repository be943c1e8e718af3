"""What each status of an attempt does to each number: the table of docs/results.md, cell by cell."""

from typing import Any

import pytest

from eval_pipeline.analysis.gates.gate_result import GateResult
from eval_pipeline.analysis.results_frame import load_results
from eval_pipeline.analysis.summary import summary_of
from eval_pipeline.analysis.verdict import ExperimentVerdict, verdict_of
from eval_pipeline.results.case_result import AssertionResult, CaseResult
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result, a_table, an_assertion
from eval_pipeline_tests.analysis.stored import a_spec, keep_experiment

MADE = ("passed", "failed", "limit", "error", "unscored")


@pytest.fixture
def store(tmp_path: Any) -> LocalStore:
    return LocalStore(tmp_path)


def a_number(name: str = "m", score: float = 0.0, **fields: Any) -> AssertionResult:
    return an_assertion(name, passed=None, score=score, **fields)


def an_attempt(case_id: str, status: str, *, score: float = 0.5, **fields: Any) -> CaseResult:
    decided = {"passed": True, "failed": False}.get(status)
    assertions = (an_assertion("m", passed=decided, score=score),)
    return a_result(case_id, status=status, score=score, assertions=fields.pop("assertions", assertions), **fields)


def judged(
    store: LocalStore, name: str, results: list[CaseResult], *, day: int = 1, gates: Any = None
) -> ExperimentVerdict:
    return verdict_of(store, a_spec(gates=gates or {}), keep_experiment(store, name, results, day=day))


def the_gate(verdict: ExperimentVerdict) -> GateResult:
    (gate,) = verdict.gates
    return gate


@pytest.mark.parametrize(
    ("status", "rate"),
    [("passed", 1.0), ("failed", 0.5), ("limit", 0.5), ("error", 0.5), ("unscored", 1.0), ("skipped", 1.0)],
)
def test_the_pass_rate_counts_a_limit_and_an_error_as_0_and_leaves_out_what_nothing_decided(
    status: str, rate: float
) -> None:
    summary = summary_of(a_table([an_attempt("a", "passed"), an_attempt("b", status)]), suite="s", experiment="e")
    assert summary.pass_rate is not None
    assert (summary.pass_rate.mean, summary.pass_rate.cases) == (rate, 1 if status in {"unscored", "skipped"} else 2)


@pytest.mark.parametrize(
    ("status", "counted"), [(each, each not in {"error", "skipped"}) for each in (*MADE, "skipped")]
)
def test_a_mean_leaves_out_errors_whose_number_is_beside_it(status: str, *, counted: bool) -> None:
    rows = [an_attempt("a", "passed", score=1.0), an_attempt("b", status, score=0.0)]
    summary = summary_of(a_table(rows), suite="s", experiment="e")
    assert summary.metrics["m"].mean == (0.5 if counted else 1.0)
    assert summary.score is not None
    assert summary.score.mean == (0.5 if counted else 1.0)
    assert summary.metric_errors == ({"m": 1} if status == "error" else {})


def test_an_attempt_at_a_case_of_another_metric_is_no_error_of_this_one() -> None:
    rows = [
        a_result("a", assertions=(an_assertion("m"),)),
        a_result("b", status="error", assertions=(an_assertion("n", passed=None, broken=True),)),
    ]
    assert summary_of(a_table(rows), suite="s", experiment="e").metric_errors == {"n": 1}


def test_the_case_is_the_unit_of_every_number(store: LocalStore) -> None:
    rows = [
        *(an_attempt("a", "passed", score=1.0, attempt=number) for number in (1, 2, 3)),
        an_attempt("b", "failed", score=0.0),
    ]
    verdict = judged(store, "e", rows, gates={"min_pass_rate": 0.6, "max_error_rate": 0})
    summary = verdict.summary
    assert summary.pass_rate is not None
    assert summary.score is not None
    assert (summary.pass_rate.mean, summary.score.mean, summary.metrics["m"].mean) == (0.5, 0.5, 0.5)
    assert [gate.observed for gate in verdict.gates] == [0.5, 0.0]
    again = judged(store, "f", rows, day=2, gates={"max_regression": "significant"})
    assert again.comparison is None or again.comparison.pass_rate is None or again.comparison.pass_rate.now == 0.5


def test_a_gate_on_errors_and_on_skipped_attempts_takes_the_mean_over_the_cases(store: LocalStore) -> None:
    for status, gate in (("error", "max_error_rate"), ("skipped", "max_skipped")):
        rows = [
            *(an_attempt("a", status, attempt=number) for number in (1, 2, 3)),
            an_attempt("b", "passed"),
        ]
        assert the_gate(judged(store, status, rows, gates={gate: 0.6})).observed == 0.5


def test_a_comparison_takes_the_worst_value_for_an_error(store: LocalStore) -> None:
    cases = [f"c{number}" for number in range(10)]
    keep_experiment(store, "then", [an_attempt(case, "passed", score=0.6) for case in cases])
    crashed = [
        an_attempt(case, "passed", score=1.0) if case < "c2" else a_result(case, status="error", assertions=())
        for case in cases
    ]
    spec = a_spec(baseline="then", gates={"max_regression": [{"metric": "m"}]})
    verdict = verdict_of(store, spec, keep_experiment(store, "now", crashed, day=2))
    assert verdict.comparison is not None
    assert verdict.comparison.metrics["m"].now == pytest.approx(0.2)
    assert verdict.comparison.score is not None
    assert verdict.comparison.score.now == pytest.approx(0.2)
    assert not the_gate(verdict).passed


def test_a_gate_on_a_metric_fails_where_every_attempt_crashed(store: LocalStore) -> None:
    keep_experiment(store, "then", [an_attempt("a", "passed", score=0.6), an_attempt("b", "passed", score=0.6)])
    spec = a_spec(baseline="then", gates={"max_regression": [{"metric": "m", "test": "any"}]})
    crashed = [a_result(case, status="error", assertions=()) for case in "ab"]
    gate = the_gate(verdict_of(store, spec, keep_experiment(store, "now", crashed, day=2)))
    assert not gate.passed
    assert gate.observed == pytest.approx(0.6)


def test_numbers_without_a_threshold_decide_nothing_and_a_gate_on_the_pass_rate_is_undecided(store: LocalStore) -> None:
    rows = [
        an_attempt(case, "unscored", assertions=(a_number(score=score),)) for case, score in (("a", 0.0), ("b", 1.0))
    ]
    verdict = judged(store, "e", rows, gates={"min_pass_rate": 0.9})
    gate = the_gate(verdict)
    assert verdict.summary.pass_rate is None
    assert verdict.summary.undecided_metrics == {"m": "2 numbers, no threshold; add `threshold: 1`"}
    assert (verdict.passed, gate.outcome) == (False, "undecided")
    assert "m: 2 numbers, no threshold; add `threshold: 1`" in gate.message


def test_a_metric_that_decides_somewhere_is_not_among_the_undecided() -> None:
    rows = [an_attempt("a", "unscored", assertions=(a_number(score=0.3),)), an_attempt("b", "failed")]
    summary = summary_of(a_table(rows), suite="s", experiment="e")
    assert summary.undecided_metrics == {}
    assert summary.status_counts == {"unscored": 1, "failed": 1}


def test_where_nothing_decides_a_regression_gate_looks_at_every_metric(store: LocalStore) -> None:
    def rows(correct: float, concise: float) -> list[CaseResult]:
        numbers = (a_number("correct", correct), a_number("concise", concise))
        return [an_attempt(f"c{number}", "unscored", assertions=numbers) for number in range(20)]

    keep_experiment(store, "then", rows(1.0, 0.0))
    spec = a_spec(baseline="then", gates={"max_regression": "significant"})
    gate = the_gate(verdict_of(store, spec, keep_experiment(store, "now", rows(0.0, 1.0), day=2)))
    assert not gate.passed
    assert "correct 0.0%, -100.0 points" in gate.message
    assert the_gate(judged(store, "first", rows(1.0, 0.0), gates={"max_regression": "significant"})).passed


def test_a_gate_on_a_metric_that_no_attempt_has_is_undecided_and_names_the_nearest(store: LocalStore) -> None:
    gate = the_gate(judged(store, "e", [an_attempt("a", "passed")], gates={"max_regression": [{"metric": "mm"}]}))
    assert (gate.outcome, gate.blocks) == ("undecided", True)
    assert "did you mean 'm'?" in gate.message


@pytest.mark.parametrize("status", [*MADE, "skipped"])
def test_a_notebook_has_the_same_numbers(store: LocalStore, status: str) -> None:
    rows = [an_attempt("a", "passed", score=1.0), an_attempt("b", status, score=0.0)]
    summary = summary_of(a_table(rows), suite="sample", experiment="e")
    keep_experiment(store, "e", rows)
    table = load_results(store, "sample", "e")
    assert summary.pass_rate is not None
    assert summary.score is not None
    made = table[table["status"] != "skipped"]
    assert made["passed"].mean() == summary.pass_rate.mean
    assert made["score"].mean() == summary.score.mean
    assert made["score.m"].mean() == summary.metrics["m"].mean
