from typing import Any

import pytest

from eval_pipeline.suites.support_desk import assertions
from eval_pipeline_tests.suites.support_desk.evaluated import snapshot


def turn(message: str, response: str, *results: tuple[str, str]) -> dict[str, Any]:
    events = [{"type": "tool_result", "name": name, "content": content, "id": "1"} for name, content in results]
    return {"input": message, "response": response, "events": events}


@pytest.mark.parametrize(
    ("response", "passed"),
    [
        ("It costs 12.50 EUR.", True),
        ("Both cost 20.50 EUR together.", True),
        ("One is 4.50 EUR dearer.", True),
        ("That is 99.00 EUR.", False),
        ("I do not know.", True),
    ],
)
def test_amounts_must_come_from_somewhere(response: str, *, passed: bool) -> None:
    result = assertions.amounts_are_known([turn("?", response, ("get_order", '{"total": 12.5, "subtotal": 8.0}'))])
    assert result["passed"] is passed


def test_an_amount_may_be_one_that_the_user_gave() -> None:
    assert assertions.amounts_are_known([turn("I paid 70 EUR", "You paid 70.00 EUR.")])["passed"]


@pytest.mark.parametrize(("response", "passed"), [("O-1114", True), ("O-9999", True), ("O-8888", False)])
def test_an_order_id_is_accepted_if_it_exists_or_the_user_gave_it(response: str, *, passed: bool) -> None:
    assert assertions.order_ids_are_known([turn("O-9999?", response)], snapshot())["passed"] is passed


def test_an_empty_answer_is_none() -> None:
    assert not assertions.answers_every_turn([turn("?", "yes"), turn("?", " ")])


def test_an_order_adds_up_only_with_every_line_and_the_total() -> None:
    complete = "1 Rondo Blender, 2 Bloom Greenhouse, 1 Drift Sleep Ring: 898.70"
    assert assertions.order_adds_up(complete, snapshot(), "O-1114")["passed"]
    assert assertions.order_adds_up("898.70", snapshot(), "O-1114")["score"] == 0.25
    assert not assertions.order_adds_up(complete, snapshot(), "O-9999")["passed"]


def test_a_refund_is_decided_once_and_as_expected() -> None:
    accepted = turn("", "", ("request_refund", '{"order_id": "O-1", "accepted": true}'))["events"]
    failed = turn("", "", ("request_refund", "error: there is no order O-1"))["events"]
    assert assertions.refund_decided(accepted, "O-1", accepted=True)["passed"]
    assert not assertions.refund_decided(accepted, "O-1", accepted=False)["passed"]
    assert not assertions.refund_decided(accepted * 2, "O-1", accepted=True)["passed"]
    assert not assertions.refund_decided(failed, "O-1", accepted=True)["passed"]


@pytest.mark.parametrize(
    ("response", "passed"),
    [
        ('{"order_id": "O-1158", "status": "processing"}', True),
        ('```json\n{"order_id": "O-1158", "status": "processing"}\n```', True),
        ('{"order_id": "O-1158", "status": "shipped"}', False),
        ("processing", False),
    ],
)
def test_json_is_compared_with_the_row(response: str, *, passed: bool) -> None:
    result = assertions.json_is_row(response, snapshot(), "orders", "O-1158", ["order_id", "status"])
    assert result["passed"] is passed


def test_what_a_customer_spent_is_the_sum_of_their_orders() -> None:
    assert assertions.customer_spent("You spent 3858.00 EUR.", snapshot(), "wanda.petrov@example.com")["passed"]
    assert not assertions.customer_spent("You spent 2791.00 EUR.", snapshot(), "wanda.petrov@example.com")["passed"]
