import json
from collections.abc import Iterator
from typing import Any

from eval_pipeline_tests.suites.support_desk.evaluated import snapshot
from eval_pipeline_tests.suites.support_desk.generation.data_files import DATA, generate


def test_the_committed_files_are_what_the_seed_gives() -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in DATA.iterdir()}
    assert generate() == committed


def test_another_seed_gives_other_data_of_the_same_shape() -> None:
    other = generate(seed=1)
    assert other != generate()
    assert other.keys() == generate().keys()
    assert len(json.loads(other["orders.json"])) == len(json.loads(generate()["orders.json"]))


def test_the_data_stays_small() -> None:
    assert sum(file.stat().st_size for file in DATA.iterdir()) < 600_000


def test_the_context_has_at_least_three_tables_and_two_hundred_documents() -> None:
    manifest = snapshot().manifest
    assert len(manifest.tables) >= 3
    assert manifest.parts["documents"].rows >= 200


def test_every_order_adds_up_and_names_a_customer_and_products_that_exist() -> None:
    context = snapshot()
    for order in context.rows("orders"):
        lines = sum(item["quantity"] * item["unit_price"] for item in order["items"])
        assert round(lines - order["discount"] + order["shipping_cost"], 2) == order["total"]
        assert context.lookup("customers", order["customer_id"]) is not None
        assert all(context.lookup("products", item["sku"]) for item in order["items"])


def test_exactly_the_orders_that_left_the_warehouse_have_a_shipment() -> None:
    context = snapshot()
    sent = {row["order_id"] for row in context.rows("orders") if row["status"] in ("shipped", "delivered", "returned")}
    assert {row["order_id"] for row in context.rows("shipments")} == sent


def test_there_are_outdated_articles_that_contradict_current_ones() -> None:
    bodies = {article["title"]: article for article in _articles()}
    assert "14 days" in bodies["Refund window for audio products (2024)"]["body"]
    assert bodies["Refund window for audio products (2024)"]["status"] == "archived"
    assert "30 days" in bodies["Refund window for audio products"]["body"]


def test_the_refund_terms_take_the_shortest_window_and_the_highest_fee_of_an_order() -> None:
    terms = snapshot().lookup("refund_terms", "O-1114")
    assert terms is not None
    assert (terms["refund_days"], terms["category"], terms["restocking_fee_percent"]) == (14, "wearables", 10)


def test_the_pattern_finder_finds_the_seeded_faults_and_nothing_else() -> None:
    products = {pattern.title.partition(":")[0] for pattern in snapshot().patterns}
    seeded = ("Aria Wireless Headphones", "Barista Espresso Machine", "Trail Headlamp", "Moss Robot Mower")
    assert products == {*seeded, "Oslo Standing Desk", "Summit Backpack"}


def test_the_evidence_of_a_pattern_is_tickets_about_its_product() -> None:
    context = snapshot()
    for pattern in context.patterns:
        tickets = [context.lookup("past_tickets", ticket_id) for ticket_id in pattern.evidence]
        assert {ticket and ticket["product"] for ticket in tickets} == {pattern.title.partition(":")[0]}


def _articles() -> Iterator[dict[str, Any]]:
    with (DATA / "articles.jsonl").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
