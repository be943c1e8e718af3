"""Which tool the offline model calls next.

Each intent has a plan: tools in order of use, and rules that fill their arguments from the conversation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from eval_pipeline.suites.support_desk import slots
from eval_pipeline.suites.support_desk.conversation import Conversation
from eval_pipeline.suites.support_desk.similarity import words

_PLANS: dict[str, tuple[str, ...]] = {
    "order": ("find_customer", "list_orders", "get_order"),
    "tracking": ("find_customer", "list_orders", "track_shipment"),
    "orders": ("find_customer", "list_orders"),
    "account": ("find_customer",),
    "refund": ("find_customer", "list_orders", "get_order", "request_refund"),
    "eligibility": ("find_customer", "list_orders", "get_order", "track_shipment", "find_product", "search_articles"),
    "policy": ("search_articles",),
    "trouble": ("search_articles", "known_issues"),
    "reported": ("known_issues",),
    "product": ("find_product", "search_articles"),
    "human": ("open_ticket",),
}
_ONLY_WITHOUT_ORDER = ("find_customer", "list_orders")
_FEW_WORDS = 2
_NEEDS_ORDER = ("order", "tracking", "refund", "eligibility")


@dataclass(frozen=True, kw_only=True)
class Call:
    """A tool call to make."""

    name: str
    args: dict[str, Any]


def next_call(conversation: Conversation, intents: list[str], tools: frozenset[str]) -> Call | None:
    """The first call in the plans of `intents` that was not made yet, among the available `tools`."""
    for call in _wanted(conversation, intents):
        if call.name in tools and not conversation.called(call.name, call.args):
            return call
    return None


def focus(conversation: Conversation) -> list[str]:
    """The orders in question: in the last message, else one chosen from the customer's, else the last mentioned."""
    named = slots.order_ids(conversation.message)
    if named:
        return named
    listed = conversation.latest("list_orders")
    if listed and listed.value:
        picked = slots.chosen(conversation.message, [order["order_id"] for order in listed.value])
        if picked:
            return [picked]
    mentioned = [order_id for text in conversation.user_messages for order_id in slots.order_ids(text)]
    mentioned += [result.args["order_id"] for result in conversation.results if "order_id" in result.args]
    return mentioned[-1:]


def _wanted(conversation: Conversation, intents: list[str]) -> Iterator[Call]:
    for intent in intents:
        orders = focus(conversation)
        for tool in _PLANS[intent]:
            if intent in _NEEDS_ORDER and orders and tool in _ONLY_WITHOUT_ORDER:
                continue
            for args in _ARGUMENTS[tool](conversation, orders, intent):
                yield Call(name=tool, args=args)


def _customer(conversation: Conversation, orders: list[str], intent: str) -> Iterator[dict[str, Any]]:
    del orders, intent
    address = slots.email(conversation.user_messages)
    if address:
        yield {"email": address}


def _customer_id(conversation: Conversation, orders: list[str], intent: str) -> Iterator[dict[str, Any]]:
    del orders, intent
    customer = conversation.value("find_customer")
    if customer:
        yield {"customer_id": customer["customer_id"]}


def _order(conversation: Conversation, orders: list[str], intent: str) -> Iterator[dict[str, Any]]:
    del conversation, intent
    yield from ({"order_id": order_id} for order_id in orders)


def _refund(conversation: Conversation, orders: list[str], intent: str) -> Iterator[dict[str, Any]]:
    del intent
    for order_id in orders:
        # The words differ from turn to turn; the request must not be repeated because of that.
        requested = conversation.latest("request_refund", order_id=order_id) is not None
        if conversation.value("get_order", order_id=order_id) and not requested:
            yield {"order_id": order_id, "reason": conversation.message}


def _product(conversation: Conversation, orders: list[str], intent: str) -> Iterator[dict[str, Any]]:
    order = conversation.value("get_order", order_id=orders[0]) if orders and intent == "eligibility" else None
    name = order["items"][0]["name"] if order else slots.product_name(conversation.message)
    if name:
        yield {"name": name}


def _query(conversation: Conversation, orders: list[str], intent: str) -> Iterator[dict[str, Any]]:
    del orders
    products = conversation.value("find_product")
    if intent == "eligibility" and products:
        yield {"query": f"refund window for {products[0]['category']} products"}
    elif intent == "product" and products:
        return
    elif len(conversation.user_messages) > 1 and len(words(conversation.message)) <= _FEW_WORDS:
        # A follow-up question rarely repeats what it is about.
        yield {"query": f"{conversation.user_messages[-2]} {conversation.message}"}
    else:
        yield {"query": conversation.message}


def _nothing(conversation: Conversation, orders: list[str], intent: str) -> Iterator[dict[str, Any]]:
    del conversation, orders, intent
    yield {}


def _ticket(conversation: Conversation, orders: list[str], intent: str) -> Iterator[dict[str, Any]]:
    del orders, intent
    yield {"subject": conversation.user_messages[0][:80], "description": " ".join(conversation.user_messages)}


_ARGUMENTS: dict[str, Callable[[Conversation, list[str], str], Iterator[dict[str, Any]]]] = {
    "find_customer": _customer,
    "list_orders": _customer_id,
    "get_order": _order,
    "track_shipment": _order,
    "find_product": _product,
    "search_articles": _query,
    "known_issues": _nothing,
    "request_refund": _refund,
    "open_ticket": _ticket,
}
