"""Assertions look at any part of an attempt (`at`), and compare it with what the case has (`{ref: …}`)."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from eval_pipeline.assertions.scope import Scope
from eval_pipeline.suite.case import Case
from eval_pipeline_tests.building import a_case, a_scope, a_turn, result_of

OUTPUTS = {"title": "Tea for kids", "price": 4.2, "tags": ["kids", "hot"], "label": "hot", "row": {"sku": "T-1"}}
CASE: dict[str, Any] = {
    "inputs": {"topic": "tea", "limit": 12},
    "reference": {
        "title": "Tea",
        "price": 4.25,
        "tags": ["kids", "hot"],
        "pattern": "^Tea",
        "schema": {"required": ["sku"]},
    },
}


def scope(**outputs: Any) -> Scope:
    state = {"documents": ["Returns take 14 days"]}
    turn = replace(a_turn("see the outputs"), outputs={**OUTPUTS, **outputs}, state=state)
    return a_scope(turn, case=a_case(**CASE))


@pytest.mark.parametrize(
    "assertion",
    [
        {"type": "contains", "at": "outputs.title", "value": "Tea"},
        {"type": "contains", "at": "outputs.title", "value": {"ref": "reference.title"}},
        {"type": "icontains", "at": "outputs.title", "value": {"ref": "inputs.topic"}},
        {"type": "not_contains", "at": "outputs.title", "value": "gold"},
        {"type": "contains", "at": "outputs.tags", "value": {"ref": "reference.tags"}},
        {"type": "contains", "at": "state.documents[0]", "value": "14 days"},
        {"type": "equals", "at": "outputs.tags", "value": {"ref": "reference.tags"}},
        {"type": "equals", "at": "outputs.row", "value": {"sku": "T-1"}},
        {"type": "equals", "at": "outputs.missing", "value": None},
        {"type": "equals", "at": "outputs.price", "value": 4.2},
        {"type": "equals", "at": "length(outputs.tags)", "value": 2},
        {"type": "starts_with", "at": "outputs.title", "value": {"ref": "reference.title"}},
        {"type": "regex", "at": "outputs.title", "value": {"ref": "reference.pattern"}},
        {"type": "one_of", "at": "outputs.label", "value": {"ref": "reference.tags"}},
        {"type": "numeric", "at": "outputs.price", "value": {"ref": "reference.price"}, "abs": 0.1},
        {"type": "is_json", "at": "outputs.row"},
        {"type": "json_schema", "at": "outputs.row", "schema": {"required": ["sku"]}},
        {"type": "json_schema", "at": "outputs.row", "schema": {"ref": "reference.schema"}},
        {"type": "json_path", "at": "outputs", "path": "$.row.sku", "value": "T-1"},
        {"type": "json_path", "path": "$.row.sku", "value": "T-1"},
        {"type": "similarity", "at": "outputs.title", "value": "tea for kids", "threshold": 1},
        {"type": "contains", "at": "messages[-1].content", "value": "outputs"},
        {"type": "contains", "value": {"ref": "outputs.missing || 'outputs'"}},
    ],
)
async def test_a_part_is_compared_with_a_value(assertion: dict[str, Any]) -> None:
    result = await result_of(assertion, scope())
    assert (result.passed, result.error) == (True, None), result.message


@pytest.mark.parametrize(
    ("assertion", "message"),
    [
        (
            {"type": "equals", "at": "outputs.title", "value": "Tea"},
            "outputs.title: expected 'Tea', got 'Tea",
        ),
        ({"type": "contains", "at": "outputs.missing", "value": "Tea"}, "outputs.missing: there is nothing"),
        ({"type": "not_contains", "at": "outputs.missing", "value": "Tea"}, "outputs.missing: there is nothing"),
        ({"type": "equals", "at": "outputs.row", "value": {"sku": "T-2"}}, "outputs.row: expected"),
    ],
)
async def test_a_part_that_is_otherwise_or_missing_fails(assertion: dict[str, Any], message: str) -> None:
    result = await result_of(assertion, scope())
    assert (result.passed, result.message.startswith(message)) == (False, True), result.message


async def test_a_reference_that_leads_nowhere_is_an_error_of_the_assertion() -> None:
    result = await result_of({"type": "contains", "value": {"ref": "reference.no"}}, scope())
    assert result.error is not None
    assert "there is nothing at 'reference.no'" in result.error.message


def test_check_names_a_case_that_lacks_what_a_reference_asks_for() -> None:
    (assertion,) = a_case(assertions=[{"type": "contains", "value": {"ref": "reference.no"}}]).assertions
    assert [problem.field for problem in assertion.problems_with({"title": "Tea"})] == ["value"]
    assert not list(assertion.problems_with({"no": "x"}))


def test_an_expression_begins_with_a_part_of_an_attempt() -> None:
    with pytest.raises(ValidationError, match="an attempt has no 'output'") as caught:
        a_case(assertions=[{"type": "contains", "at": "output.title", "value": "x"}])
    assert "outputs" in caught.value.errors()[0]["ctx"]["fix"]


def test_references_are_read_back_as_they_were_written_and_other_mappings_stay_values() -> None:
    written = [{"type": "contains", "value": {"ref": "reference.title"}}, {"type": "equals", "value": {"ref": "A-12"}}]
    case = a_case(assertions=written)
    again = Case.model_validate_json(case.canonical_json())
    assert again == case
    assert again.assertions[1].model_dump()["value"] == {"ref": "A-12"}
