"""Customers, their orders and the shipments of these."""

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

from eval_pipeline.suites.support_desk.refund_rules import TODAY
from eval_pipeline_tests.suites.support_desk.generation.catalog import PRODUCTS, REGIONS, Region

_FIRST = (
    "Amelie", "Bruno", "Clara", "Dario", "Elif", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Katja", "Leon", "Mira",
    "Nils", "Olga", "Paul", "Rosa", "Sven", "Tilda", "Vito", "Wanda", "Yusuf", "Zoe", "Anton",
)  # fmt: skip
_LAST = (
    "Albers", "Bianchi", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen", "Ivanova", "Jansen", "Keller",
    "Lindqvist", "Moreau", "Nowak", "OBrien", "Petrov", "Quinn", "Rossi", "Schmid", "Torres", "Ullman", "Vogel",
    "Weber", "Young",
)  # fmt: skip
_TIER_DISCOUNT = {"bronze": 0.0, "silver": 0.05, "gold": 0.10}
_SHARE_CANCELLED, _SHARE_RETURNED = 0.06, 0.08
_DAYS_IN_PROCESS, _DAYS_ON_THE_WAY = 2, 9
_EVENTS = ("left the warehouse", "in the sorting centre", "out for delivery")
_SHIPPED = ("shipped", "delivered", "returned")

Row = dict[str, Any]


def customer_rows(rng: random.Random, count: int = 80) -> list[Row]:
    """The rows of `customers.csv`; names may repeat, e-mail addresses do not."""
    rows: list[Row] = []
    taken: set[str] = set()
    while len(rows) < count:
        first, last = rng.choice(_FIRST), rng.choice(_LAST)
        email = f"{first}.{last}@{rng.choice(('example.com', 'example.org', 'mail.example'))}".lower()
        if email in taken:
            continue
        taken.add(email)
        rows.append(
            {
                "customer_id": f"C-{len(rows) + 1:03}",
                "name": f"{first} {last}",
                "email": email,
                "country": rng.choice(REGIONS).country,
                "tier": rng.choices(("bronze", "silver", "gold"), weights=(5, 3, 2))[0],
                "member_since": _day(rng, 2019, 2025).isoformat(),
            }
        )
    return rows


def order_rows(rng: random.Random, customers: Sequence[Row], count: int = 160) -> list[Row]:
    """The values of `orders.json`, oldest first."""
    days = sorted(TODAY - dt.timedelta(days=min(int(rng.expovariate(1 / 35)), 240)) for _ in range(count))
    return [_order(rng, f"O-{1001 + index}", day, rng.choice(customers)) for index, day in enumerate(days)]


def _order(rng: random.Random, order_id: str, day: dt.date, customer: Row) -> Row:
    chosen = rng.sample(PRODUCTS, k=rng.choices((1, 2, 3), weights=(5, 3, 2))[0])
    items: list[Row] = [
        {
            "sku": product.sku,
            "name": product.name,
            "quantity": rng.choices((1, 2, 3), weights=(7, 2, 1))[0],
            "unit_price": product.price,
        }
        for product in chosen
    ]
    subtotal = round(sum(item["quantity"] * item["unit_price"] for item in items), 2)
    discount = round(subtotal * _TIER_DISCOUNT[customer["tier"]], 2)
    region = _region(customer)
    shipping = 0.0 if subtotal >= region.free_from else region.standard_price
    return {
        "order_id": order_id,
        "customer_id": customer["customer_id"],
        "placed_on": day.isoformat(),
        "status": _status(rng, (TODAY - day).days),
        "items": items,
        "subtotal": subtotal,
        "discount": discount,
        "shipping_cost": shipping,
        "total": round(subtotal - discount + shipping, 2),
        "payment_method": rng.choice(("card", "PayPal", "bank transfer", "Klarna")),
    }


def _status(rng: random.Random, age: int) -> str:
    if rng.random() < _SHARE_CANCELLED:
        return "cancelled"
    if age <= _DAYS_IN_PROCESS:
        return "processing"
    if age <= _DAYS_ON_THE_WAY:
        return rng.choice(("shipped", "shipped", "delivered"))
    return "returned" if rng.random() < _SHARE_RETURNED else "delivered"


def shipment_rows(rng: random.Random, orders: Sequence[Row], customers: Sequence[Row]) -> list[Row]:
    """The rows of `shipments.csv`: one for every order that left the warehouse."""
    by_id = {customer["customer_id"]: customer for customer in customers}
    sent = [order for order in orders if order["status"] in _SHIPPED]
    return [
        _shipment(rng, f"S-{5001 + index}", order, _region(by_id[order["customer_id"]]))
        for index, order in enumerate(sent)
    ]


def _shipment(rng: random.Random, shipment_id: str, order: Row, region: Region) -> Row:
    placed = dt.date.fromisoformat(order["placed_on"])
    shipped = placed + dt.timedelta(days=rng.randint(1, 2))
    expected = shipped + dt.timedelta(days=int(region.standard_days.split()[-1]) + 1)
    delivered = min(expected + dt.timedelta(days=rng.choice((-1, -1, 0, 0, 0, 1, 3))), TODAY)
    arrived = order["status"] != "shipped"
    return {
        "shipment_id": shipment_id,
        "order_id": order["order_id"],
        "carrier": region.carrier,
        "tracking_number": f"LF{rng.randint(10**8, 10**9 - 1)}",
        "shipped_on": shipped.isoformat(),
        "expected_on": expected.isoformat(),
        "delivered_on": max(delivered, shipped).isoformat() if arrived else "",
        "last_event": "delivered"
        if arrived
        else rng.choice(_EVENTS + (("held at customs",) if region.customs else ())),
    }


def _region(customer: Row) -> Region:
    return next(region for region in REGIONS if region.country == customer["country"])


def _day(rng: random.Random, first_year: int, last_year: int) -> dt.date:
    return dt.date(rng.randint(first_year, last_year), rng.randint(1, 12), rng.randint(1, 28))
