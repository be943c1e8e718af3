import datetime as dt
from typing import Any

import pytest

from eval_pipeline.suites.support_desk.refund_rules import TODAY, decide_refund


def terms(**changed: Any) -> dict[str, Any]:
    usual = {"status": "delivered", "delivered_on": TODAY, "tier": "bronze", "refund_days": 14, "category": "wearables"}
    return {**usual, "restocking_fee_percent": 0, **changed}


@pytest.mark.parametrize(("age", "accepted"), [(0, True), (14, True), (15, False)])
def test_the_last_day_of_the_window_still_counts(age: int, *, accepted: bool) -> None:
    assert decide_refund(terms(delivered_on=TODAY - dt.timedelta(days=age))).accepted is accepted


@pytest.mark.parametrize(("age", "accepted"), [(28, True), (29, False)])
def test_gold_members_have_two_weeks_more(age: int, *, accepted: bool) -> None:
    decision = decide_refund(terms(delivered_on=TODAY - dt.timedelta(days=age), tier="gold"))
    assert decision.accepted is accepted
    assert "28 days" in decision.reason


@pytest.mark.parametrize("status", ["processing", "shipped", "cancelled", "returned"])
def test_only_delivered_orders_are_refunded(status: str) -> None:
    decision = decide_refund(terms(status=status))
    assert not decision.accepted
    assert status in decision.reason


def test_a_delivery_date_may_be_text() -> None:
    assert decide_refund(terms(delivered_on=TODAY.isoformat())).accepted


def test_a_restocking_fee_is_named() -> None:
    assert "15 percent" in decide_refund(terms(restocking_fee_percent=15)).reason
