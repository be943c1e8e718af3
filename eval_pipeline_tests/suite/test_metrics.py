"""Metrics: their names, names with two meanings or none, and cases that cannot fail."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.suite.check import check_suite, suite_warnings
from eval_pipeline.suite.code.returned_values import returned_values
from eval_pipeline.suite.metrics import require_metric
from eval_pipeline_tests.building import write_suite

CODE = """
import random

def correct(outputs): return 0
def polite(outputs): return {"score": 0}
def strict(outputs): return outputs == "tea"
def keyed(outputs): return {"key": "other", "score": int(bool(outputs))}
imported = random.choice

def named(outputs):
    key = random.choice(["a", "b"])
    return {"key": key, "score": 1}
"""
ONE_CASE = [{"id": "one", "input": "x"}]


def a_folder(tmp_path: Path, *, cases: Any = None, **fields: Any) -> Path:
    folder = write_suite(tmp_path, cases=ONE_CASE if cases is None else cases, **fields)
    (folder / "evs.py").write_text(CODE)
    return folder


def evaluator(function: str, **fields: Any) -> dict[str, Any]:
    return {"type": "evaluator", "path": f"evs.py:{function}", **fields}


def messages(folder: Path) -> list[str]:
    return [problem.message for problem in check_suite(folder)[2]]


def test_check_warns_where_everything_asserted_only_scores(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, assertions=[evaluator("correct"), evaluator("polite"), evaluator("keyed")])
    suite, cases, problems = check_suite(folder)
    assert suite is not None
    assert problems == []
    (warning,) = suite_warnings(suite, cases)
    assert warning.message.startswith("no case can fail: correct, polite, keyed only score")
    assert "threshold: 1" in warning.fix


@pytest.mark.parametrize(
    "decides",
    [evaluator("strict"), evaluator("correct", threshold=1), evaluator("imported"), {"type": "contains", "value": "x"}],
)
def test_check_does_not_warn_where_something_may_decide(tmp_path: Path, decides: dict[str, Any]) -> None:
    suite, cases, _ = check_suite(a_folder(tmp_path, assertions=[evaluator("polite"), decides]))
    assert suite is not None
    assert suite_warnings(suite, cases) == []


def test_only_the_cases_that_cannot_fail_are_named(tmp_path: Path) -> None:
    cases = [
        {"id": "sure", "input": "x", "assertions": [{"type": "contains", "value": "x"}]},
        {"id": "vague", "input": "x", "assertions": [{"type": "similarity", "value": "x"}]},
    ]
    suite, loaded, _ = check_suite(a_folder(tmp_path, cases=cases))
    assert suite is not None
    (warning,) = suite_warnings(suite, loaded)
    assert warning.message.startswith("1 of 2 cases cannot fail (vague): similarity only score")


def test_two_evaluators_of_one_name_in_a_case_are_refused(tmp_path: Path) -> None:
    assertions = [evaluator("correct", name="m"), evaluator("strict", name="m")]
    (message,) = messages(a_folder(tmp_path, assertions=assertions))
    assert message == "assertions[0] counts under the metric 'm' as well, so that it would have two meanings"


def test_an_evaluator_of_a_case_does_not_share_its_name_with_one_of_the_suite(tmp_path: Path) -> None:
    cases = [
        {"id": "one", "input": "x", "assertions": [{"type": "python", "path": "evs.py:strict", "name": "correct"}]}
    ]
    (problem,) = check_suite(a_folder(tmp_path, cases=cases, assertions=[evaluator("correct")]))[2]
    assert (problem.case, problem.field) == ("one", "assertions[0].name")
    assert "'correct'" in problem.message


def test_the_same_evaluator_on_several_turns_is_one_metric(tmp_path: Path) -> None:
    turns = [{"user": "x", "assertions": [evaluator("strict")]}, {"user": "y", "assertions": [evaluator("strict")]}]
    assert messages(a_folder(tmp_path, cases=[{"id": "one", "turns": turns}])) == []


def test_several_unnamed_assertions_of_a_built_in_type_are_one_metric(tmp_path: Path) -> None:
    assertions = [{"type": "contains", "value": "x"}, {"type": "contains", "value": "y"}]
    assert messages(a_folder(tmp_path, assertions=assertions)) == []


def test_a_gate_on_a_metric_that_no_assertion_has_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    gates = {"max_regression": [{"metric": "corect"}]}
    folder = a_folder(tmp_path, assertions=[evaluator("correct"), evaluator("strict")], gates=gates)
    (problem,) = check_suite(folder)[2]
    assert problem.message == "no assertion has the metric 'corect'"
    assert problem.fix == "did you mean 'correct'?"
    assert problem.field == "gates.max_regression"


@pytest.mark.parametrize("name", ["other", "goal_reached"])
def test_a_gate_may_name_the_key_that_an_evaluator_returns(tmp_path: Path, name: str) -> None:
    gates = {"max_regression": [{"metric": name}]}
    wrong = messages(a_folder(tmp_path, assertions=[evaluator("keyed"), evaluator("strict")], gates=gates))
    assert bool(wrong) == (name == "goal_reached")


def test_a_gate_may_name_anything_where_an_evaluator_names_its_metrics_when_it_runs(tmp_path: Path) -> None:
    gates = {"max_regression": [{"metric": "a"}]}
    assert messages(a_folder(tmp_path, assertions=[evaluator("named"), evaluator("strict")], gates=gates)) == []


def test_variants_are_not_compared_by_a_metric_that_no_assertion_has(tmp_path: Path) -> None:
    suite, cases, _ = check_suite(a_folder(tmp_path, assertions=[evaluator("correct"), evaluator("strict")]))
    assert suite is not None
    for metric in ("pass_rate", "score", "correct"):
        require_metric(metric, suite.spec.assertions, cases, suite.facts(), field="--by")
    with pytest.raises(InputError, match=r"--by: no assertion has the metric 'scores'.* did you mean 'score'"):
        require_metric("scores", suite.spec.assertions, cases, suite.facts(), field="--by")


def scalar_by_branches(outputs: str) -> Any:
    score = 1.0 if outputs else 0.5
    return score if outputs else -1


def verdict_by_name(outputs: str) -> Any:
    passed = outputs == "x"
    return {"passed": passed}


def a_helper(outputs: str) -> Any:
    return verdict_by_name(outputs)


def annotated(outputs: str) -> float:
    return float(a_helper(outputs))


class Callable:
    def __call__(self, outputs: str) -> Any:
        def inner() -> bool:
            return True

        return round(len(outputs) / 2 + inner(), 2)


@pytest.mark.parametrize(
    ("function", "only_scores"),
    [
        (scalar_by_branches, True),
        (annotated, True),
        (Callable(), True),
        (verdict_by_name, False),
        (a_helper, False),
        (print, False),
        ("no function", False),
    ],
)
def test_source_says_whether_a_function_only_scores(function: Any, *, only_scores: bool) -> None:
    assert all(value.only_scores for value in returned_values(function)) == only_scores
