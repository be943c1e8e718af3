"""Whether an order can be refunded: the shop's rules, as its policy articles state them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TODAY = dt.date(2026, 6, 15)
"""The current day in the suite's data; with a real clock, cases would expire."""

GOLD_EXTRA_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class RefundDecision:
    """The decision on a refund, and its reason."""

    accepted: bool
    reason: str


def decide_refund(terms: Mapping[str, Any], *, today: dt.date = TODAY) -> RefundDecision:
    """Decide on a refund of a whole order.

    Args:
        terms: the order's row of `refund_terms`: its status and delivery, its customer's tier, the shortest window and
            the highest fee among its items.
        today: the day of the request.
    """
    if terms["status"] != "delivered" or terms["delivered_on"] is None:
        reason = f"the order is {terms['status']}; only delivered orders can be refunded"
        return RefundDecision(accepted=False, reason=reason)
    extra = GOLD_EXTRA_DAYS if terms["tier"] == "gold" else 0
    days = int(terms["refund_days"]) + extra
    deadline = dt.date.fromisoformat(str(terms["delivered_on"])) + dt.timedelta(days=days)
    if deadline < today:
        reason = f"the refund window of {days} days ({terms['category']}) ended on {deadline}"
        return RefundDecision(accepted=False, reason=reason)
    fee = int(terms["restocking_fee_percent"])
    kept = f"; a restocking fee of {fee} percent is kept back" if fee else ""
    reason = f"within the refund window of {days} days, which ends on {deadline}{kept}"
    return RefundDecision(accepted=True, reason=reason)
