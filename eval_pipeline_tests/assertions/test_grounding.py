"""Grounding: tool results and mentions against the snapshot."""

import json
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.assertions.scope import Scope
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.building import a_call, a_case, a_context, a_result, a_scope, a_suite, a_turn, result_of

ORDER = {"status": "sent", "items": [{"sku": "A1", "n": 2}], "note": None}
RULE: dict[str, Any] = {"tool": "get_order", "table": "orders", "key": "order_id"}


@pytest.fixture
def context(folder: Path, tmp_path: Path) -> SharedContext:
    """A context with one order, a table with numbers for keys, and one document."""
    (folder / "orders.json").write_text(json.dumps({"O-1": ORDER}))
    (folder / "invoices.csv").write_text("id,total\n1001,5\n")
    (folder / "documents.json").write_text('[{"id": "d", "text": "Returns take 14 days."}]')
    tables = {"orders": {"file": "orders.json", "key": "id"}, "invoices": {"file": "invoices.csv"}}
    suite = a_suite(folder, context={"tables": tables, "documents": {"source": {"file": "documents.json"}}})
    return a_context(suite, LocalStore(tmp_path / "store"), [a_case(input="returns?")])


def after_result(context: SharedContext, content: Any, *before: Any, order: str = "O-1") -> Scope:
    text = content if isinstance(content, str) else json.dumps(content)
    call = a_call("get_order", "1", order_id=order)
    return a_scope(a_turn("done", *before, call, a_result("get_order", text, "1")), context=context)


async def said_of(scope: Scope, **rule: Any) -> tuple[bool | None, str]:
    assertion = {"type": "grounded_in_context", "results": [{**RULE, **rule}], "until": ["cancel"]}
    result = await result_of(assertion, scope)
    assert result.error is None
    return result.passed, result.message


@pytest.mark.parametrize("result", [ORDER, {**ORDER, "id": "O-1"}, {"items": ORDER["items"], "status": "sent"}])
async def test_a_result_that_is_the_row_is_grounded(context: SharedContext, result: dict[str, Any]) -> None:
    assert await said_of(after_result(context, result)) == (True, "1 compared, all as in the context")


@pytest.mark.parametrize(
    ("result", "difference"),
    [
        ({**ORDER, "status": "lost"}, "status is 'lost', the context has 'sent'"),
        ({**ORDER, "items": [{"sku": "A1", "n": 3}]}, "items[0].n is 3, the context has 2"),
        ({**ORDER, "extra": 1}, "extra is 1, the context has None"),
        ({"status": "sent"}, "items[0].n is None, the context has 2"),
        ({**ORDER, "id": "O-2"}, "id is 'O-2', the context has 'O-1'"),
        ("sent", "the result is not a JSON object"),
    ],
)
async def test_every_difference_is_named(context: SharedContext, result: Any, difference: str) -> None:
    passed, message = await said_of(after_result(context, result))
    assert not passed
    assert difference in message
    assert "get_order(O-1)" in message


async def test_a_row_that_is_not_there_is_no_ground(context: SharedContext) -> None:
    assert await said_of(after_result(context, ORDER, order="O-9")) == (
        False,
        "1 compared: get_order(O-9): no such row in orders",
    )


async def test_names_may_differ_and_paths_be_left_out(context: SharedContext) -> None:
    scope = after_result(context, {"state": {"name": "sent"}, "items": [{"sku": "A1", "n": 9}]})
    passed, message = await said_of(scope, rename={"state.name": "status"}, ignore=["items[0].n"])
    assert passed, message


async def test_results_after_the_world_changed_are_not_compared(context: SharedContext) -> None:
    wrong = {**ORDER, "status": "cancelled"}
    changed = [a_call("cancel", "0"), a_result("cancel", "done", "0")]
    refused = [a_call("cancel", "0"), a_result("cancel", "Error: not allowed", "0")]
    assert await said_of(after_result(context, wrong, *changed)) == (True, "nothing to compare")
    assert (await said_of(after_result(context, wrong, *refused)))[0] is False


async def test_a_result_that_is_an_error_is_not_compared(context: SharedContext) -> None:
    assert await said_of(after_result(context, "Error: no such order")) == (True, "nothing to compare")


@pytest.mark.parametrize(
    ("mention", "answer", "passed"),
    [
        ({"pattern": r"O-\d+", "table": "orders", "column": "id"}, "O-1 and O-1", True),
        ({"pattern": r"O-\d+", "table": "orders", "column": "id"}, "O-1 and O-2", False),
        ({"pattern": r"order (O-\d+)", "table": "orders", "column": "id"}, "order O-1, not O-2", True),
        ({"pattern": r"invoice (\d+)", "table": "invoices", "column": "id"}, "invoice 1001", True),
        ({"pattern": r"invoice (\d+)", "table": "invoices", "column": "id"}, "invoice 1002", False),
        ({"pattern": r"\d+ days"}, "within 14 days", True),
        ({"pattern": r"\d+ days"}, "within 30 days", False),
    ],
)
async def test_what_an_answer_mentions_must_stand_in_the_context(
    context: SharedContext,
    mention: dict[str, Any],
    answer: str,
    passed: bool,  # noqa: FBT001
) -> None:
    result = await result_of(
        {"type": "grounded_in_context", "mentions": [mention]}, a_scope(a_turn(answer), context=context)
    )
    assert (result.passed, result.error) == (passed, None)


async def test_without_a_context_nothing_is_grounded() -> None:
    assertion = {"type": "grounded_in_context", "mentions": [{"pattern": "x"}]}
    assert (await result_of(assertion, a_scope(a_turn("x")))).passed is False
