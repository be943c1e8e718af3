"""The tools of the support agent. They read the shared context; the ones that act only confirm, and change nothing."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from langchain_core.documents import Document
from langchain_core.tools import tool

from eval_pipeline.context.retriever import SharedContextRetriever
from eval_pipeline.context.shared_context import get_shared_context
from eval_pipeline.suites.support_desk.refund_rules import decide_refund


@tool
def find_customer(email: str) -> str:
    """Find a customer by e-mail address: id, name, country, loyalty tier, number of orders and what they spent."""
    context = get_shared_context()
    customer = context.lookup("customers", email.strip().lower(), column="email")
    if customer is None:
        return f"error: there is no customer with the e-mail address {email}"
    summary = context.lookup("customer_summary", customer["customer_id"]) or {}
    return _json({**customer, **summary})


@tool
def list_orders(customer_id: str) -> str:
    """List a customer's orders, newest first: order id, date, status and total."""
    orders = get_shared_context().rows("orders", customer_id=customer_id.strip().upper())
    if not orders:
        return f"error: there are no orders of customer {customer_id}"
    newest_first = sorted(orders, key=lambda order: str(order["order_id"]), reverse=True)
    shown = ("order_id", "placed_on", "status", "total")
    return _json([{name: order[name] for name in shown} for order in newest_first])


@tool
def get_order(order_id: str) -> str:
    """Get an order by its id (such as O-1001): date, status, items, prices in EUR, discount, shipping, total."""
    order = get_shared_context().lookup("orders", order_id)
    return f"error: there is no order {order_id}" if order is None else _json(order)


@tool
def track_shipment(order_id: str) -> str:
    """Track the parcel of an order: carrier, tracking number, last event, shipping, expected and delivery dates."""
    context = get_shared_context()
    if context.lookup("orders", order_id) is None:
        return f"error: there is no order {order_id}"
    shipment = context.lookup("shipments", order_id, column="order_id")
    return f"error: order {order_id} has not been shipped" if shipment is None else _json(shipment)


@tool
def find_product(name: str) -> str:
    """Find products whose name holds the given words: price in EUR, category, weight and main feature."""
    words = name.lower().split()
    products = get_shared_context().table("products").to_pylist()
    matches = [product for product in products if words and all(word in product["name"].lower() for word in words)]
    return _json(matches) if matches else f"error: there is no product called {name}"


@tool
def search_articles(query: str) -> str:
    """Search the help centre: policies on refunds, warranty, shipping and accounts, and troubleshooting for products.

    Articles whose status is `archived` are out of date.
    """
    articles = [_article(document) for document in SharedContextRetriever(k=4).invoke(query)]
    return _json(articles) if articles else "error: no article matches"


@tool
def known_issues() -> str:
    """List the faults that many customers reported lately, how often, and how they were solved."""
    context = get_shared_context()
    return _json([_issue(pattern.title, pattern.description, pattern.evidence) for pattern in context.patterns])


@tool
def request_refund(order_id: str, reason: str) -> str:
    """Request a refund of a delivered order. The refund rules are applied; the answer says what was decided and why."""
    terms = get_shared_context().lookup("refund_terms", order_id)
    if terms is None:
        return f"error: there is no order {order_id}"
    decision = decide_refund(terms)
    answer = {"order_id": order_id, "accepted": decision.accepted, "decision": decision.reason}
    if decision.accepted:
        answer |= {"refund_id": _reference("R", order_id), "customer_reason": reason}
    return _json(answer)


@tool
def open_ticket(subject: str, description: str) -> str:
    """Open a ticket for a human colleague, when the customer asks for one or when nothing else helps."""
    return _json({"ticket_id": _reference("N", subject + description), "subject": subject, "status": "open"})


TOOLS = (
    find_customer,
    list_orders,
    get_order,
    track_shipment,
    find_product,
    search_articles,
    known_issues,
    request_refund,
    open_ticket,
)


def _article(document: Document) -> Mapping[str, Any]:
    shown = {name: document.metadata[name] for name in ("status", "updated")}
    return {"id": document.id, "text": document.page_content, **shown}


def _issue(title: str, description: str, evidence: tuple[str, ...]) -> Mapping[str, Any]:
    tickets = [get_shared_context().lookup("past_tickets", ticket_id) for ticket_id in evidence]
    solved = sorted({ticket["resolution"] for ticket in tickets if ticket})
    return {"title": title, "description": description, "reports": len(evidence), "resolutions": solved[:3]}


def _reference(letter: str, text: str) -> str:
    return f"{letter}-{zlib.crc32(text.encode()) % 10**6:06}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
