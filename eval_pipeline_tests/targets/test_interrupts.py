"""A case answers for a human: questions of any form, and reviews of tool calls."""

from typing import Any

import pytest
from langgraph.types import Interrupt

from eval_pipeline.errors import InputError
from eval_pipeline.targets.interrupts import InterruptAnswers
from eval_pipeline_tests.building import a_case

REFUND = {"name": "refund", "args": {"order": "A1"}}
MAIL = {"name": "mail", "args": {"to": "ada"}}
APPROVE, REJECT = {"type": "approve"}, {"type": "reject", "message": "no way"}


def batch(*actions: Any) -> dict[str, Any]:
    """What LangChain's middleware asks about the calls of a message."""
    configs = [{"action_name": action["name"], "allowed_decisions": ["approve"]} for action in actions]
    return {"action_requests": list(actions), "review_configs": configs}


def call(action: Any) -> dict[str, Any]:
    """What it asks about one call."""
    return {"type": "tool_approval", "tool_call_id": "c1", "description": "", **action}


def inbox(*actions: Any) -> list[dict[str, Any]]:
    """What an agent for LangGraph's inbox asks."""
    return [{"action_request": {"action": a["name"], "args": a["args"]}, "config": {}} for a in actions]


def answered(on_interrupt: Any, *questions: Any) -> list[Any]:
    answers = InterruptAnswers(a_case(on_interrupt=on_interrupt))
    return [answers.answer(question) for question in questions]


@pytest.mark.parametrize(
    "on_interrupt",
    [
        {"decisions": [APPROVE]},
        [{"decisions": [APPROVE]}],
        {"*": {"decisions": [APPROVE]}},
        {"refund": {"decisions": [APPROVE]}},
        {"refund": APPROVE},
        {"refund": "approve", "*": "reject"},
        [APPROVE],
        ["approve"],
        APPROVE,
        {"type": "accept"},
        "approve",
        True,
    ],
)
def test_a_review_of_one_call_is_answered_however_the_decision_is_written(on_interrupt: Any) -> None:
    assert answered(on_interrupt, batch(REFUND)) == [{"decisions": [APPROVE]}]
    assert answered(on_interrupt, call(REFUND)) == [APPROVE]
    assert answered(on_interrupt, inbox(REFUND))[0][0]["type"] == "accept"


def test_each_call_of_a_review_gets_its_own_decision() -> None:
    expected = [{"decisions": [APPROVE, REJECT]}]
    for on_interrupt in ([APPROVE, REJECT], {"refund": "approve", "mail": REJECT}, {"decisions": [APPROVE, REJECT]}):
        assert answered(on_interrupt, batch(REFUND, MAIL)) == expected
    assert answered("approve", batch(REFUND, MAIL)) == [{"decisions": [APPROVE, APPROVE]}]
    for on_interrupt in ([APPROVE, REJECT], {"decisions": [APPROVE, REJECT]}):
        assert answered(on_interrupt, call(REFUND), call(MAIL)) == [APPROVE, REJECT]
    assert answered([APPROVE, REJECT, "approve"], batch(REFUND, MAIL), call(MAIL)) == [*expected, APPROVE]


def test_a_decision_by_the_tools_name_goes_before_one_by_another_part() -> None:
    mail = {"name": "mail", "args": {"to": "refund@example.com"}}
    by_name = {"refund": "reject", "mail": "approve"}
    assert answered(by_name, batch(mail)) == [{"decisions": [APPROVE]}]
    assert answered(by_name, inbox(mail)) == [[{"type": "accept", "args": None}]]


def test_an_edit_may_name_the_arguments_only() -> None:
    edited = {"type": "edit", "edited_action": {"name": "refund", "args": {"order": "B2"}}}
    assert answered([{"type": "edit", "args": {"order": "B2"}}], batch(REFUND)) == [{"decisions": [edited]}]
    assert answered([edited], call(REFUND)) == [edited]


def test_an_inbox_is_answered_with_a_list() -> None:
    response = {"type": "response", "args": "not today"}
    for on_interrupt in (response, [response], [[response]], {"*": response}, {"refund": response}):
        assert answered(on_interrupt, inbox(REFUND)) == [[response]]
    assert answered([response], inbox(REFUND)[0]) == [response]
    assert answered(["ignore", "accept"], inbox(REFUND), inbox(MAIL)) == [
        [{"type": "ignore", "args": None}],
        [{"type": "accept", "args": None}],
    ]


def test_other_questions_are_answered_as_the_case_has_it() -> None:
    assert answered([{"approved": True}, "later"], {"question": "Sure?"}, "When?") == [{"approved": True}, "later"]
    assert answered("approve", "Sure?") == ["approve"]
    assert answered({"sure": APPROVE, "*": 1}, "Sure?", "What?") == [APPROVE, 1]


def test_a_review_without_a_decision_names_case_and_field() -> None:
    with pytest.raises(InputError, match=r"case c1 · on_interrupt: the target waits .* has only 1 answers"):
        answered([APPROVE], batch(REFUND, MAIL))
    with pytest.raises(InputError, match="no part of it is among 'refund'"):
        answered({"refund": APPROVE}, batch(REFUND, MAIL))


def test_interrupts_at_once_are_answered_by_their_ids() -> None:
    answers = InterruptAnswers(a_case(on_interrupt=["a", "b"]))
    seen: dict[str, str] = {}
    questions = [Interrupt(value="A?", id="1"), Interrupt(value="B?", id="2")]
    assert answers.resume(questions, seen.__setitem__) == {"1": "a", "2": "b"}
    assert seen == {"A?": "a", "B?": "b"}
