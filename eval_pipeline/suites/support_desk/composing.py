"""Compose the offline model's answer from the results of tools."""

import datetime as dt
import json
import re
from collections.abc import Callable
from typing import Any

from eval_pipeline.suites.support_desk import slots
from eval_pipeline.suites.support_desk.conversation import Conversation
from eval_pipeline.suites.support_desk.planning import focus
from eval_pipeline.suites.support_desk.quoting import best_quote, matching_issue

_ASK_FOR_ORDER = "Could you give me the order id (such as O-1001) or the e-mail address of your account?"
_ASK_FOR_EMAIL = "Could you give me the e-mail address of your account?"
_DECLINE = "I am sorry, I cannot help with that. I know about Larkfield's orders, products and policies."
_COURTESY = "You are welcome. Is there anything else I can help you with?"


def compose(conversation: Conversation, intents: list[str]) -> str:
    """The answer to the last message."""
    if not intents:
        return _COURTESY
    if slots.wants_json(conversation.message) or slots.wants_one_word(conversation.message):
        bare = _bare_answer(conversation)
        if bare is not None:
            return bare
    parts = [_COMPOSERS[intent](conversation) for intent in intents]
    return "\n\n".join(dict.fromkeys(parts))


def _bare_answer(conversation: Conversation) -> str | None:
    """The fields of the order that the message names, as JSON or the first one bare; None without an order."""
    orders = [row for order_id in focus(conversation) if (row := conversation.value("get_order", order_id=order_id))]
    if not orders:
        return None
    asked = re.sub(r"[\s_]+", " ", conversation.message.lower())
    row = orders[0]
    named = {name: value for name, value in row.items() if name.replace("_", " ") in asked}
    if slots.wants_json(conversation.message):
        return json.dumps(named or row, ensure_ascii=False)
    return str(next(iter(named.values()), row["status"]))


def _order(conversation: Conversation) -> str:
    return _for_each_order(conversation, "get_order", _order_text)


def _tracking(conversation: Conversation) -> str:
    return _for_each_order(conversation, "track_shipment", _shipment_text)


def _refund(conversation: Conversation) -> str:
    def text(row: dict[str, Any]) -> str:
        if row["accepted"]:
            return f"The refund of order {row['order_id']} is on its way ({row['refund_id']}): it is {row['decision']}."
        return f"I cannot refund order {row['order_id']}: {row['decision']}."

    fallback = "get_order" if not conversation.latest("request_refund") else "request_refund"
    return _for_each_order(conversation, fallback, text if fallback == "request_refund" else _order_text)


def _for_each_order(conversation: Conversation, tool: str, text: Callable[[dict[str, Any]], str]) -> str:
    parts = []
    for order_id in focus(conversation):
        result = conversation.latest(tool, order_id=order_id)
        if result is not None:
            parts.append(_problem(result.text) if result.value is None else text(result.value))
    return " ".join(parts) or _orders_instead(conversation)


def _orders_instead(conversation: Conversation) -> str:
    """The answer without an order: the customer's orders to choose from, or a question for one."""
    if conversation.latest("list_orders"):
        return f"{_orders(conversation)} Which one do you mean?"
    customer = conversation.latest("find_customer")
    return _problem(customer.text) if customer and customer.value is None else _ASK_FOR_ORDER


def _orders(conversation: Conversation) -> str:
    listed = conversation.latest("list_orders")
    if listed is None:
        return _account(conversation)
    if listed.value is None:
        return _problem(listed.text)
    rows = [
        f"{row['order_id']} of {row['placed_on']} ({row['status']}, {row['total']:.2f} EUR)" for row in listed.value
    ]
    return f"You have {len(rows)} orders: {'; '.join(rows)}."


def _account(conversation: Conversation) -> str:
    customer = conversation.latest("find_customer")
    if customer is None:
        return _ASK_FOR_EMAIL
    if customer.value is None:
        return _problem(customer.text)
    row = customer.value
    return (
        f"{row['name']} ({row['customer_id']}, {row['country']}) is a {row['tier']} member since {row['member_since']} "
        f"with {row['orders']} orders and {row['spent']:.2f} EUR spent in total."
    )


def _eligibility(conversation: Conversation) -> str:
    orders = focus(conversation)
    shipment = conversation.value("track_shipment", order_id=orders[0]) if orders else None
    articles = conversation.latest("search_articles")
    if not shipment or not shipment["delivered_on"] or articles is None:
        return _tracking(conversation)
    rule = best_quote(articles.args["query"], articles.value or [])
    days = re.search(r"within (\d+) days", rule or "")
    today = re.search(r"Today is (\d{4}-\d{2}-\d{2})", conversation.instructions)
    if days is None or today is None:
        return _policy(conversation)
    deadline = dt.date.fromisoformat(shipment["delivered_on"]) + dt.timedelta(days=int(days[1]))
    verdict = "Yes, you can still return" if str(deadline) >= today[1] else "No, you can no longer return"
    delivered = f"it was delivered on {shipment['delivered_on']}, and its window ends on {deadline}"
    return f"{verdict} order {orders[0]}: {delivered}. {rule}"


def _policy(conversation: Conversation) -> str:
    search = conversation.latest("search_articles")
    return best_quote(search.args["query"], search.value or []) or _DECLINE if search else _DECLINE


def _reported(conversation: Conversation) -> str:
    issue = matching_issue(" ".join(conversation.user_messages), conversation.value("known_issues") or [])
    if issue is None:
        return "I know of no such fault that several customers have reported."
    solved = " ".join(issue["resolutions"][:1])
    return f"This is a known issue: {issue['title']}, with {issue['reports']} reports. {solved}".strip()


def _trouble(conversation: Conversation) -> str:
    issue = matching_issue(conversation.message, conversation.value("known_issues") or [])
    return f"{_policy(conversation)} {_reported(conversation)}" if issue else _policy(conversation)


def _product(conversation: Conversation) -> str:
    search = conversation.latest("find_product")
    if search is None or search.value is None:
        return _policy(conversation)
    return " ".join(_product_text(row) for row in search.value)


def _human(conversation: Conversation) -> str:
    ticket = conversation.value("open_ticket")
    return f"I have opened ticket {ticket['ticket_id']}; a colleague will contact you." if ticket else _DECLINE


def _product_text(row: dict[str, Any]) -> str:
    return f"The {row['name']} costs {row['price']:.2f} EUR, weighs {row['weight_kg']} kg and has {row['feature']}."


def _order_text(row: dict[str, Any]) -> str:
    items = ", ".join(f"{item['quantity']} x {item['name']} at {item['unit_price']:.2f} EUR" for item in row["items"])
    return (
        f"Order {row['order_id']} of {row['placed_on']} is {row['status']}. It holds {items}. "
        f"The total is {row['total']:.2f} EUR, with a discount of {row['discount']:.2f} EUR and shipping of "
        f"{row['shipping_cost']:.2f} EUR, paid by {row['payment_method']}."
    )


def _shipment_text(row: dict[str, Any]) -> str:
    delivered, expected = row["delivered_on"], row["expected_on"]
    arrival = f"It was delivered on {delivered}" if delivered else f"It is expected on {expected}"
    return (
        f"The parcel of order {row['order_id']} was sent with {row['carrier']} on {row['shipped_on']} (tracking number "
        f"{row['tracking_number']}); the last event is: {row['last_event']}. {arrival}."
    )


def _problem(text: str) -> str:
    reason = text.removeprefix("error: ").strip()
    return f"I am sorry: {reason}."


_COMPOSERS: dict[str, Callable[[Conversation], str]] = {
    "order": _order,
    "tracking": _tracking,
    "orders": _orders,
    "account": _account,
    "refund": _refund,
    "eligibility": _eligibility,
    "policy": _policy,
    "trouble": _trouble,
    "reported": _reported,
    "product": _product,
    "human": _human,
}
