import re
from collections import Counter

from eval_pipeline.suite.case import Case
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline_tests.suites.support_desk.evaluated import FOLDER, results, snapshot, suite_and_cases


def test_the_suite_has_no_problems() -> None:
    assert check_suite(FOLDER)[2] == []


def test_there_are_enough_cases_of_every_sort() -> None:
    _, cases = suite_and_cases()
    splits = Counter(case.split for case in cases)
    assert len(cases) >= 60
    assert min(splits[name] for name in ("smoke", "test", "hard")) >= 8
    assert sum(len(case.turns) > 1 for case in cases) >= 15
    assert all(case.tags for case in cases)


def test_the_cases_use_most_kinds_of_assertion() -> None:
    used = {assertion.type for case in suite_and_cases()[1] for assertion in _assertions(case)}
    assert used >= {"contains", "not_contains", "equals", "regex", "one_of", "json_schema", "contains_function_call"}
    assert used >= {"no_function_call", "function_call_order", "llm_rubric", "grounded_in_context", "python"}


def test_every_turn_of_every_conversation_is_judged() -> None:
    assert all(turn.assertions for case in suite_and_cases()[1] if len(case.turns) > 1 for turn in case.turns)


def test_orders_that_cases_name_exist_unless_they_are_meant_not_to() -> None:
    named = {
        order_id for case in suite_and_cases()[1] for order_id in re.findall(r"\bO-\d{4}\b", case.canonical_json())
    }
    assert {order_id for order_id in named if snapshot().lookup("orders", order_id) is None} == {
        "O-7777",
        "O-9138",
        "O-9999",
    }


def test_the_gates_hold_offline_though_some_cases_honestly_fail() -> None:
    suite, cases = suite_and_cases()
    statuses = Counter(result.status for result in results().values())
    assert statuses["error"] == 0
    (overall,) = [gate for gate in suite.spec.gates.min_pass_rate if gate.slice is None]
    assert overall.threshold <= statuses["passed"] / len(cases) < 0.95


def test_no_answer_fails_the_checks_that_the_suite_asks_of_every_case() -> None:
    everywhere = {"grounded_in_context", "answers_every_turn", "order_ids_are_known", "amounts_are_known"}
    broken = [
        (result.case_id, assertion.name, assertion.message)
        for result in results().values()
        for assertion in result.assertions
        if assertion.name in everywhere and not assertion.passed
    ]
    assert broken == []


def _assertions(case: Case) -> list[Assertion]:
    return [*case.assertions, *(assertion for turn in case.turns for assertion in turn.assertions)]
