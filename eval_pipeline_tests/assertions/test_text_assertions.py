"""Assertions on text: each passes, fails, and reads what its docstring says it reads."""

import decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eval_pipeline.assertions.json_value import parse_json
from eval_pipeline.assertions.numeric import Mark, numbers_in
from eval_pipeline_tests.building import a_case, a_scope, a_turn, result_of

OBJECT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("assertion", "answer", "passed"),
    [
        ({"type": "contains", "value": "cat"}, "a cat", True),
        ({"type": "contains", "value": "Cat"}, "a cat", False),
        ({"type": "contains", "value": "STRASSE", "ignore_case": True}, "die Straße", True),
        ({"type": "contains", "value": ["cat", "dog"]}, "cat and dog", True),
        ({"type": "contains", "value": ["cat", "dog"]}, "cat", False),
        ({"type": "not_contains", "value": ["cat", "dog"]}, "fish", True),
        ({"type": "not_contains", "value": ["cat", "dog"]}, "a dog", False),
        ({"type": "not_contains", "value": "DOG", "ignore_case": True}, "a dog", False),
        ({"type": "equals", "value": "yes"}, " yes\n", True),
        ({"type": "equals", "value": "Yes"}, "yes", False),
        ({"type": "equals", "value": "Yes", "ignore_case": True}, "yes", True),
        ({"type": "equals", "value": 4}, "4.0", True),
        ({"type": "equals", "value": 4}, "four", False),
        ({"type": "equals", "value": True}, "1", False),
        ({"type": "equals", "value": True}, "true", True),
        ({"type": "equals", "value": 0}, "false", False),
        ({"type": "equals", "value": {"a": [True]}}, '{"a": [1]}', False),
        ({"type": "equals", "value": {"a": [True]}}, '{"a": [true], "b": 1}', False),
        ({"type": "equals", "value": {"a": [1]}}, '```json\n{"a": [1]}\n```', True),
        ({"type": "equals", "value": None}, "null", True),
        ({"type": "equals", "value": "4"}, "4", True),
        ({"type": "regex", "value": r"^\d+$"}, "123", True),
        ({"type": "regex", "value": r"^\d+$"}, "n 123", False),
        ({"type": "regex", "value": "CAT", "ignore_case": True}, "a cat", True),
        ({"type": "icontains", "value": ["STRASSE", "die"]}, "Die Straße", True),
        ({"type": "icontains", "value": ["STRASSE", "das"]}, "Die Straße", False),
        ({"type": "starts_with", "value": ["Dear", "Hello"]}, "\n Hello you", True),
        ({"type": "starts_with", "value": "dear"}, "Dear you", False),
        ({"type": "starts_with", "value": "dear", "ignore_case": True}, "Dear you", True),
        ({"type": "is_json"}, "```json\n[1]\n```", True),
        ({"type": "is_json"}, "n is 1", False),
        ({"type": "is_json"}, "NaN", False),
        ({"type": "json_path", "path": "$.a[?@.n > 1].n"}, '{"a": [{"n": 1}, {"n": 2}]}', True),
        ({"type": "json_path", "path": "$.a[?@.n > 2].n"}, '{"a": [{"n": 1}, {"n": 2}]}', False),
        ({"type": "json_path", "path": "$.a", "value": {"n": 1}}, '{"a": {"n": 1.0}}', True),
        ({"type": "json_path", "path": "$.a", "value": 1}, '{"a": true}', False),
        ({"type": "json_path", "path": "$.a"}, '{"a": null}', True),
        ({"type": "json_path", "path": "$.a"}, "3", False),
        ({"type": "json_path", "path": "$.a"}, "three", False),
        ({"type": "numeric", "value": 1234.5}, "It is $1,234.50.", True),
        ({"type": "numeric", "value": 4.3, "abs": 0.1}, "4.4", True),
        ({"type": "numeric", "value": 4.3, "abs": 0.1}, "4.4000001", False),
        ({"type": "numeric", "value": 200, "rel": 0.01}, "202", True),
        ({"type": "numeric", "value": 200, "rel": 0.01}, "202.1", False),
        ({"type": "numeric", "value": -3}, "\u22123 °C", True),
        ({"type": "numeric", "value": 2}, "first 2, then 3", False),
        ({"type": "numeric", "value": 2, "take": "first"}, "first 2, then 3", True),
        ({"type": "numeric", "value": 3, "take": "any"}, "3 of 4 in 5", True),
        ({"type": "numeric", "value": 0.001}, "1e-3", True),
        ({"type": "numeric", "value": 3}, "no number", False),
        ({"type": "one_of", "value": ["Refund", "Other"]}, " 'refund.' ", True),
        ({"type": "one_of", "value": ["Refund"], "ignore_case": False}, "refund", False),
        ({"type": "one_of", "value": ["refund"]}, "a refund", False),
        ({"type": "one_of", "value": ["Acme Inc."]}, "Acme Inc.", True),
        ({"type": "json_schema", "schema": OBJECT}, '{"n": 1}', True),
        ({"type": "json_schema", "schema": OBJECT}, '```\n{"n": 1}\n```', True),
        ({"type": "json_schema", "schema": OBJECT}, '{"n": "1"}', False),
        ({"type": "json_schema", "schema": OBJECT}, "n is 1", False),
        ({"type": "json_schema", "schema": OBJECT}, "", False),
    ],
)
async def test_an_assertion_passes_or_fails_and_negated_the_other_way(
    assertion: dict[str, Any],
    answer: str,
    passed: bool,  # noqa: FBT001
) -> None:
    scope = a_scope(a_turn(answer))
    found, negated = await result_of(assertion, scope), await result_of({**assertion, "negate": True}, scope)
    assert (found.passed, found.score, found.error) == (passed, float(passed), None)
    assert (negated.passed, negated.score) == (not passed, 1 - float(passed))
    assert found.message


@pytest.mark.parametrize(
    ("assertion", "on_turn", "on_conversation"),
    [
        ({"type": "contains", "value": "first"}, False, True),
        ({"type": "regex", "value": "first"}, False, True),
        ({"type": "not_contains", "value": "first"}, True, False),
        ({"type": "equals", "value": "second"}, True, True),
        ({"type": "one_of", "value": ["second"]}, True, True),
    ],
)
async def test_a_turn_has_its_answer_and_the_conversation_all_of_them(
    assertion: dict[str, Any], *, on_turn: bool, on_conversation: bool
) -> None:
    turns = (a_turn("first"), a_turn("second", index=1))
    assert (await result_of(assertion, a_scope(*turns, turn=1))).passed is on_turn
    assert (await result_of(assertion, a_scope(*turns))).passed is on_conversation


async def test_messages_say_what_was_missing_and_what_was_there() -> None:
    scope = a_scope(a_turn("a dog"))
    assert (await result_of({"type": "contains", "value": ["cat", "dog"]}, scope)).message == "missing: 'cat'"
    assert "'a dog'" in (await result_of({"type": "equals", "value": "cat"}, scope)).message
    label = await result_of({"type": "one_of", "value": ["A Dog"]}, scope)
    assert label.label == "A Dog"


@pytest.mark.parametrize("text", ["{", "```json\n{\n```", "text {} text"])
def test_what_is_not_json_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="Expecting"):
        parse_json(text)


@pytest.mark.parametrize("text", ["[" * 50_000, '{"a":' * 50_000, "```json\n" + "\n" * 50_000, "```" + " \n" * 50_000])
@pytest.mark.parametrize(
    "kind", [{"type": "is_json"}, {"type": "equals", "value": 4}, {"type": "json_path", "path": "$"}]
)
async def test_what_a_model_says_without_end_is_no_json(kind: dict[str, Any], text: str) -> None:
    found = await result_of(kind, a_scope(a_turn(text)))
    assert (found.passed, found.error) == (False, None)


@pytest.mark.parametrize("number", ["1e" + "9" * 30, "-1e" + "9" * 30, "1e-" + "9" * 30, "9" * 10_000])
async def test_a_number_beyond_all_bounds_is_another_number(number: str) -> None:
    found = await result_of({"type": "numeric", "value": 4.2, "abs": 0.1}, a_scope(a_turn(number)))
    assert (found.passed, found.error) == (False, None)


async def test_a_pattern_that_never_ends_is_an_error_and_does_not_hang() -> None:
    scope = a_scope(a_turn("a" * 40 + "!"))
    found = await result_of({"type": "regex", "value": r"^(a|aa|a*)+$(?<!b)", "timeout_s": 0.05}, scope)
    assert (found.passed, found.score) == (None, None)
    assert "the search took longer than 0.05 s on 41 characters" in found.message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "json_path", "path": "$.["}, "not a JSONPath"),
        ({"type": "json_path", "path": "$.a", "value": None}, "null is the same as no value"),
        ({"type": "regex", "value": "("}, "not a regular expression"),
        ({"type": "numeric", "value": "much"}, "value"),
        ({"type": "max_tokens", "value": -1}, "value"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_it_is_read(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        a_case(assertions=[fields])


def test_numbers_are_found_in_prose() -> None:
    text = "Between 3-5 items, v2.0 of 1,234,567 at -0.5 %, .5 and 1.5e3; T-1000, 12,5 and 2024-05-01."
    found = [str(number) for number in numbers_in(text)]
    assert found == ["3", "5", "1234567", "-0.5", "0.5", "1.5E+3", "1000", "12,5", "2024", "5", "1"]


@pytest.mark.parametrize(
    ("mark", "text", "numbers"),
    [
        (".", "4,20", ["4,20"]),
        (".", "1.234,56 and 1.234.567", ["1.234,56", "1.234.567"]),
        (".", "4\u00a0200 or 4\u202f200.5 or 4'200", [4200, "4200.5", 4200]),
        (".", "[1,2]", ["1,2"]),
        (".", "1.2.3", ["1.2"]),
        (",", "4,20", ["4.20"]),
        (",", "1.234,56 and 1.234.567", ["1234.56", 1234567]),
        (",", "4\u00a0200,5", ["4200.5"]),
        (",", "4.20", ["4.20"]),
    ],
)
def test_a_number_is_read_in_the_form_that_is_asked_for_and_else_not_at_all(
    mark: Mark, text: str, numbers: list[Any]
) -> None:
    assert [str(number) for number in numbers_in(text, mark)] == list(map(str, numbers))


async def test_a_number_that_may_be_several_is_an_error_and_negating_does_not_pass_it() -> None:
    for negate in (False, True):
        asked = {"type": "numeric", "value": 4, "negate": negate}
        result = await result_of(asked, a_scope(a_turn("Das kostet 4,20 Euro")))
        assert (result.passed, result.error is None) == (None, False)
        assert "it is not clear which number '4,20' is" in result.message
    result = await result_of({"type": "numeric", "value": 4.2, "decimal": ","}, a_scope(a_turn("Das kostet 4,20 Euro")))
    assert result.passed


NFD, NBSP = "cafe\u0301", "4\u00a0200\u202fEUR"


@pytest.mark.parametrize(
    ("assertion", "answer"),
    [
        ({"type": "contains", "value": "café"}, f"a {NFD}"),
        ({"type": "contains", "value": NFD}, "a café"),
        ({"type": "contains", "value": "4 200 EUR"}, NBSP),
        ({"type": "icontains", "value": "CAFÉ"}, NFD),
        ({"type": "not_contains", "value": "café", "negate": True}, NFD),
        ({"type": "equals", "value": "café"}, NFD),
        ({"type": "equals", "value": {"é": "é"}}, '{"e\u0301": "e\u0301"}'),
        ({"type": "starts_with", "value": "4 2"}, NBSP),
        ({"type": "regex", "value": r"^caf\w$"}, NFD),
        ({"type": "regex", "value": r"4\xa0200"}, NBSP),
        ({"type": "one_of", "value": ["café"]}, NFD),
        ({"type": "similarity", "value": "un café", "threshold": 1}, f"un\u00a0{NFD}"),
        ({"type": "json_path", "path": "$.x", "value": "café"}, '{"x": "cafe\u0301"}'),
        ({"type": "contains", "value": "Donaudampf"}, "Donau\u00addampf"),
    ],
)
async def test_a_text_is_the_same_in_every_form_that_looks_the_same(assertion: dict[str, Any], answer: str) -> None:
    assert (await result_of(assertion, a_scope(a_turn(answer)))).passed


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_a_number_as_python_writes_it_is_found(number: decimal.Decimal) -> None:
    assert numbers_in(f"It is {number:,f} in all.") == [number]
