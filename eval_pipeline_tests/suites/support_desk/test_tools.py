import contextvars
import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.tools import BaseTool

from eval_pipeline.context.shared_context import MissingContextError, use_shared_context
from eval_pipeline.suites.support_desk import tools
from eval_pipeline_tests.suites.support_desk.evaluated import snapshot


@pytest.fixture(autouse=True)
def _in_an_attempt() -> Iterator[None]:
    with use_shared_context(snapshot(), case_id="policy-refund-audio"):
        yield


def test_an_order_is_its_row() -> None:
    assert json.loads(tools.get_order.invoke({"order_id": "O-1114"})) == snapshot().lookup("orders", "O-1114")


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        (tools.get_order, {"order_id": "O-9999"}),
        (tools.track_shipment, {"order_id": "O-9999"}),
        (tools.track_shipment, {"order_id": "O-1158"}),
        (tools.find_customer, {"email": "nobody@example.com"}),
        (tools.list_orders, {"customer_id": "C-999"}),
        (tools.find_product, {"name": "submarine"}),
        (tools.find_product, {"name": " "}),
        (tools.search_articles, {"query": "xyzzy"}),
        (tools.request_refund, {"order_id": "O-9999", "reason": "none"}),
    ],
)
def test_what_is_missing_is_reported_in_text(tool: BaseTool, args: dict[str, Any]) -> None:
    assert tool.invoke(args).startswith("error: ")


def test_a_customer_comes_with_what_they_spent() -> None:
    customer = json.loads(tools.find_customer.invoke({"email": "Dario.Nowak@example.org"}))
    orders = snapshot().rows("orders", customer_id=customer["customer_id"])
    assert customer["spent"] == pytest.approx(sum(order["total"] for order in orders))
    assert customer["orders"] == len(orders)


def test_orders_are_listed_newest_first() -> None:
    listed = json.loads(tools.list_orders.invoke({"customer_id": "C-005"}))
    assert [order["placed_on"] for order in listed] == sorted((order["placed_on"] for order in listed), reverse=True)


def test_articles_say_whether_they_are_out_of_date() -> None:
    articles = json.loads(tools.search_articles.invoke({"query": "refund window for audio products"}))
    assert {article["status"] for article in articles} == {"archived", "current"}


def test_issues_include_how_they_were_solved() -> None:
    issues = json.loads(tools.known_issues.invoke({}))
    mower = next(issue for issue in issues if issue["title"].startswith("Moss Robot Mower"))
    assert mower["reports"] >= 10
    assert any("spiked wheels" in text for text in mower["resolutions"])


def test_acting_changes_no_data_and_gives_the_same_answer_again() -> None:
    request = {"order_id": "O-1124", "reason": "too loud"}
    before = snapshot().lookup("orders", "O-1124")
    assert tools.request_refund.invoke(request) == tools.request_refund.invoke(request)
    assert snapshot().lookup("orders", "O-1124") == before


def test_outside_an_attempt_there_is_no_context() -> None:
    with pytest.raises(MissingContextError):
        contextvars.Context().run(tools.get_order.invoke, {"order_id": "O-1124"})
