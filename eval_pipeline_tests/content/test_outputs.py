"""Outputs of a target as JSON, and the text that is read of them."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel

from eval_pipeline.content.outputs import as_outputs, jsonable, outputs_text


class Price(BaseModel):
    product: str
    note: str | None = None


@dataclass
class Row:
    product: str
    prices: tuple[float, ...]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Price(product="tea"), {"product": "tea", "note": None}),
        (Row("tea", (4.2,)), {"product": "tea", "prices": [4.2]}),
        ({"rows": [Price(product="tea")], "at": dt.date(2026, 1, 2)},) * 1
        + ({"rows": [{"product": "tea", "note": None}], "at": "2026-01-02"},),
        ([1, 2.5, True, None], [1, 2.5, True, None]),
        (2**70, 2**70),
        (b"ab", "YWI="),
        ({1: "a"}, {"1": "a"}),
    ],
)
def test_whatever_a_target_returns_is_json(value: Any, plain: Any) -> None:
    assert jsonable(value) == plain


def test_documents_and_messages_keep_their_content() -> None:
    plain = jsonable({"documents": [Document("14 days")], "messages": [AIMessage("hi", id="1")]})
    assert plain["documents"][0]["page_content"] == "14 days"
    assert (plain["messages"][0]["type"], plain["messages"][0]["content"]) == ("ai", "hi")


def test_what_a_target_does_to_its_outputs_later_does_not_change_them() -> None:
    returned = {"rows": [1]}
    plain = jsonable(returned)
    returned["rows"].append(2)
    assert plain == {"rows": [1]}


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ("hi", "hi"),
        (None, ""),
        (5, "5"),
        (True, "true"),
        ([{"product": "tea"}], '[{"product": "tea"}]'),
        ({"response": "14 days", "documents": [1]}, "14 days"),
        ({"response": None}, ""),
        ({"response": 5, "documents": []}, "5"),
        ({"answer": "14 days", "sources": ["a"]}, "14 days"),
        ({"title": "Tea"}, "Tea"),
        ({"title": "Tea", "tags": ["kids"]}, '{"title": "Tea", "tags": ["kids"]}'),
        ({"messages": jsonable([HumanMessage("a"), AIMessage("b"), AIMessage("")])}, "b"),
        ({"messages": [{"role": "user", "content": "a"}]}, ""),
        (jsonable(AIMessage([{"type": "text", "text": "b"}])), "b"),
    ],
)
def test_the_text_of_outputs_follows_one_rule(outputs: Any, text: str) -> None:
    assert outputs_text(outputs) == text


def test_outputs_that_are_no_mapping_are_at_output_as_in_langsmiths_sdk() -> None:
    assert [as_outputs(value) for value in ("a", None, [1], {"b": 1})] == [
        {"output": "a"},
        {"output": None},
        {"output": [1]},
        {"b": 1},
    ]
