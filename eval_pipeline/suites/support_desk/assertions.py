"""The suite's own assertions."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from eval_pipeline.context.shared_context import SharedContext

_AMOUNT = re.compile(r"(\d+(?:[.,]\d{2})?)\s*(?:EUR|€)")
_ORDER_ID = re.compile(r"\bO-\d{4}\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")

Turn = Mapping[str, Any]
Event = Mapping[str, Any]


def answers_every_turn(turns: Sequence[Turn]) -> bool:
    """No answer is empty."""
    return all(str(turn["response"]).strip() for turn in turns)


def order_ids_are_known(turns: Sequence[Turn], context: SharedContext) -> dict[str, Any]:
    """Every order id in an answer exists, or was given by the user: the agent may answer that it does not exist."""
    given = {order_id for turn in turns for order_id in _ORDER_ID.findall(str(turn["input"]))}
    answered = {order_id for turn in turns for order_id in _ORDER_ID.findall(str(turn["response"]))}
    invented = sorted(order_id for order_id in answered - given if context.lookup("orders", order_id) is None)
    return {"passed": not invented, "message": f"invented: {', '.join(invented) or 'none'}"}


def amounts_are_known(turns: Sequence[Turn]) -> dict[str, Any]:
    """Every amount of money in an answer comes from a tool or the user, or is a sum or difference of two of these."""
    sources: set[Decimal] = set()
    for turn in turns:
        results = [str(event["content"]) for event in turn["events"] if event["type"] == "tool_result"]
        texts = [str(turn["input"]), *results]
        sources |= {Decimal(number) for text in texts for number in _NUMBER.findall(text)}
        for written in _AMOUNT.findall(str(turn["response"])):
            amount = Decimal(written.replace(",", "."))
            if not _follows(amount, sources):
                return {"passed": False, "message": f"{amount} EUR has no source"}
    return {"passed": True, "message": "every amount has a source"}


def order_adds_up(response: str, context: SharedContext, order_id: str) -> dict[str, Any]:
    """The answer gives every line of the order with its quantity and price, and the total that they add up to."""
    order = context.lookup("orders", order_id)
    if order is None:
        return {"passed": False, "message": f"there is no order {order_id}"}
    lines = sum(item["quantity"] * Decimal(str(item["unit_price"])) for item in order["items"])
    total = lines - Decimal(str(order["discount"])) + Decimal(str(order["shipping_cost"]))
    expected = [*(item["name"] for item in order["items"]), f"{total:.2f}"]
    missing = [text for text in expected if text not in response]
    score = 1 - len(missing) / len(expected)
    return {"passed": not missing, "score": score, "message": f"missing: {', '.join(missing) or 'nothing'}"}


def customer_spent(response: str, context: SharedContext, email: str) -> dict[str, Any]:
    """The answer gives what the customer's orders cost together."""
    customer = context.lookup("customers", email, column="email")
    orders = context.rows("orders", customer_id=customer["customer_id"]) if customer else []
    spent = f"{sum(Decimal(str(order['total'])) for order in orders):.2f}"
    return {"passed": spent in response, "message": f"the orders cost {spent} EUR"}


def refund_decided(events: Sequence[Event], order_id: str, *, accepted: bool) -> dict[str, Any]:
    """The refund of the order was requested once, and was accepted or refused as it should be."""
    decisions = [decision["accepted"] for decision in _decisions(events) if decision["order_id"] == order_id]
    return {"passed": decisions == [accepted], "message": f"requests for {order_id} were accepted: {decisions}"}


def json_is_row(response: str, context: SharedContext, table: str, key: str, fields: Sequence[str]) -> dict[str, Any]:
    """The answer is JSON whose `fields` are those of a row of the shared context, and nothing else."""
    row = context.lookup(table, key)
    expected = {name: row[name] for name in fields} if row else None
    try:
        answered = json.loads(re.sub(r"^```(?:json)?|```$", "", response.strip()))
    except json.JSONDecodeError as error:
        return {"passed": False, "message": f"not JSON: {error.msg}"}
    return {"passed": answered == expected, "message": f"found {answered}, expected {expected}"}


def _follows(amount: Decimal, sources: set[Decimal]) -> bool:
    if amount in sources:
        return True
    return any(amount in (first + second, abs(first - second)) for first, second in itertools.combinations(sources, 2))


def _decisions(events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    for event in events:
        requested = event["type"] == "tool_result" and event["name"] == "request_refund"
        if requested and not event["content"].startswith("error"):
            yield json.loads(event["content"])
