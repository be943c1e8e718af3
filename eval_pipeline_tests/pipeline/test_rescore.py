"""Scoring the answers of an experiment again: no target is called, and what is scored already is kept."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import InputError, TransientError
from eval_pipeline.pipeline.rescore import Rescoring, open_rescoring
from eval_pipeline.results.case_result import CaseResult, EvaluationError
from eval_pipeline.results.experiment_record import read_experiment
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.result_log import ResultLog
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.case import Case
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline_tests.analysis.stored import keep_experiment
from eval_pipeline_tests.building import an_evaluator, written_suite
from eval_pipeline_tests.pipeline.test_reused_answers import CONTAINS, CORRECT, FILES, POLITE
from eval_pipeline_tests.suite.code.test_suite_modules import write

CASES: Sequence[dict[str, Any]] = [
    {"id": name, "input": name, "assertions": [POLITE], "reference": {"answer": "A"}} for name in "abc"
]
OFF = LangSmithSettings(mode="off")


class Evaluated:
    """An experiment of a suite in a store, and what is scored of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = write(folder, FILES), LocalStore(folder.parent / "store")
        self.cases = [dict(case) for case in CASES]
        self.launches = 0

    def evaluate(self, change: Callable[[CaseResult], CaseResult] = lambda result: result, **fields: Any) -> None:
        """The experiment `sample-1`, each result changed."""
        suite = self.suite([CORRECT, CONTAINS], **fields)
        cases = [Case.model_validate(case) for case in self.cases]
        evaluator = an_evaluator(suite)
        keep_experiment(self.store, "sample-1", [], cases=cases)
        attempts = [attempt for case in cases for attempt in evaluator.attempts(case, None)]
        results = [change(run_in_loop(evaluator.evaluate(attempt))) for attempt in attempts]
        ResultLog(self.store, suite="sample", experiment="sample-1", writer="run").append(results)

    def suite(self, assertions: Sequence[Any], **fields: Any) -> Any:
        target = {"kind": "python", "path": "agent.py:answer"}
        return written_suite(self.folder, cases=self.cases, **{"target": target, "assertions": assertions, **fields})

    def opened(self, *assertions: Any, only: Sequence[str] = (), resume: bool = False, **fields: Any) -> Rescoring:
        """Its answers, to be scored by these assertions."""
        self.launches += 1
        source = read_experiment(self.store, "sample", "sample-1")
        suite = self.suite(assertions, **fields)
        return open_rescoring(
            self.store, suite, source, OFF, launch_id=f"launch{self.launches}", only=only, resume=resume
        )

    def scored(self, rescoring: Rescoring, **given: Any) -> tuple[list[CaseResult], Counter[str]]:
        """The results of scoring, and the calls that it took."""
        calls = self.folder / "calls.txt"
        calls.write_text("")
        try:
            rescoring.score(run_id=f"run{self.launches}", **given)
        finally:
            self.calls = Counter(calls.read_text().split())
        log = ResultLogView.open(self.store, "sample", rescoring.experiment.record.experiment)
        return sorted(log.latest_results(log.attempts), key=lambda result: result.case_id), self.calls


@pytest.fixture
def evaluated(folder: Path) -> Evaluated:
    return Evaluated(folder)


SHOUTS = {"type": "regex", "value": "^[A-Z]$", "name": "shouts"}


def test_answers_are_scored_by_the_present_assertions_without_a_call_of_the_target(evaluated: Evaluated) -> None:
    evaluated.evaluate()
    rescoring = evaluated.opened(CORRECT, SHOUTS, {**POLITE, "name": "again"})
    plan = rescoring.plan()
    assert (plan.attempts, plan.new, plan.kept) == (3, {"again": 3, "shouts": 3}, 3)
    results, calls = evaluated.scored(rescoring)
    assert calls == {"polite": 3}
    assert [result.answer_from and result.answer_from.experiment for result in results] == ["sample-1"] * 3
    assert {each.name: each.reused_from for each in results[0].assertions} == {
        "correct": "sample-1",
        "polite": "sample-1",
        "shouts": None,
        "again": None,
    }
    record = rescoring.experiment.record
    assert (record.scores_of, record.target_version) == ("sample-1", "t1")
    assert record.metrics is not None
    assert [*record.metrics] == ["correct", "shouts", "again"]


def test_only_some_metrics_are_scored_again(evaluated: Evaluated) -> None:
    evaluated.evaluate()
    changed = {**CONTAINS, "value": "B"}
    results, _ = evaluated.scored(evaluated.opened({**CORRECT, "negate": True}, changed, SHOUTS, only=["contains"]))
    scores = {each.name: (each.passed, each.reused_from) for each in results[1].assertions}
    assert scores == {"correct": (False, "sample-1"), "contains": (True, None), "polite": (True, "sample-1")}


def test_a_scoring_that_was_interrupted_is_resumed_where_it_was(evaluated: Evaluated) -> None:
    evaluated.evaluate()
    again = {**POLITE, "name": "again"}
    results: list[CaseResult] = []

    def stop(result: CaseResult) -> None:
        results.append(result)
        raise TransientError("the machine is gone", fix="wait")

    first = evaluated.opened(again, evaluation={"max_concurrency": 1})
    with pytest.raises(TransientError):
        evaluated.scored(first, on_result=stop)
    made = evaluated.calls["polite"]
    assert 0 < made < 3
    resumed = evaluated.opened(again, resume=True, evaluation={"max_concurrency": 1})
    assert resumed.experiment.record == first.experiment.record
    results, calls = evaluated.scored(resumed)
    assert (len(results), calls) == (3, {"polite": 3 - made})


def test_rows_of_earlier_versions_are_scored_as_a_whole(evaluated: Evaluated) -> None:
    def as_before(result: CaseResult) -> CaseResult:
        scores = tuple(replace(each, version=None, fingerprint=None) for each in result.assertions)
        return replace(result, assertions=scores, answer_fingerprint=None)

    evaluated.evaluate(as_before)
    results, calls = evaluated.scored(evaluated.opened(CORRECT, CONTAINS))
    assert calls == {"polite": 3, "correct": 3}
    assert [result.status for result in results] == ["passed", "failed", "failed"]


def test_an_attempt_whose_target_broke_stays_an_error(evaluated: Evaluated) -> None:
    def broken(result: CaseResult) -> CaseResult:
        error = EvaluationError(name="E", message="m", traceback="t")
        return replace(result, status="error", error=error, turns=()) if result.case_id == "b" else result

    evaluated.evaluate(broken)
    rescoring = evaluated.opened(SHOUTS)
    assert (rescoring.plan().attempts, rescoring.plan().without_answer) == (2, 1)
    results, _ = evaluated.scored(rescoring)
    assert [result.status for result in results] == ["passed", "error", "passed"]
    assert [each.score for each in results[1].assertions] == [None, None]


def test_cases_that_ask_something_else_now_are_left_out_and_named(evaluated: Evaluated) -> None:
    evaluated.evaluate()
    evaluated.cases[1]["input"] = "something else"
    evaluated.cases[2]["tags"] = ["new"]
    rescoring = evaluated.opened(SHOUTS)
    assert rescoring.plan().changed_cases == ("b",)
    results, _ = evaluated.scored(rescoring)
    assert [(result.case_id, result.tags) for result in results] == [("a", ()), ("c", ("new",))]


def test_an_assertion_that_looks_at_runs_is_refused(evaluated: Evaluated) -> None:
    evaluated.evaluate()
    with pytest.raises(InputError, match="looks at the runs of an attempt, which are not stored"):
        evaluated.opened({"type": "evaluator", "path": "evs.py:calls"}).plan()


def test_there_is_nothing_to_resume_before_a_scoring_began(evaluated: Evaluated) -> None:
    evaluated.evaluate()
    with pytest.raises(InputError, match="no experiment scores the answers of sample-1"):
        evaluated.opened(SHOUTS, resume=True)


def test_recordings_are_scored_again_with_what_is_recorded_beside_them(evaluated: Evaluated) -> None:
    recording = {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "A"}],
        "data": {"n": 1},
    }
    evaluated.cases = [{"id": "a", "recordings": [recording], "assertions": [POLITE]}]
    write(evaluated.folder, {"beside.py": "def n(recording):\n    return recording['n'] == 1\n"})
    target = {"kind": "recorded"}
    evaluated.evaluate(target=target)
    beside = {"type": "python", "path": "beside.py:n"}
    results, calls = evaluated.scored(evaluated.opened(SHOUTS, beside, target=target))
    assert calls == {}
    assert {each.name: (each.passed, each.reused_from) for each in results[0].assertions} == {
        "shouts": (True, None),
        "n": (True, None),
        "polite": (True, "sample-1"),
    }
