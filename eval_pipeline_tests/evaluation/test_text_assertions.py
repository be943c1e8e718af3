"""Assertions on text: each passes, fails, and reads what its docstring says it reads."""

from typing import Any

import pytest

from eval_pipeline.evaluation.assertions.text import parse_json
from eval_pipeline_tests.building import a_scope, a_turn, result_of

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
        ({"type": "equals", "value": {"a": [1]}}, '```json\n{"a": [1]}\n```', True),
        ({"type": "equals", "value": None}, "null", True),
        ({"type": "equals", "value": "4"}, "4", True),
        ({"type": "regex", "value": r"^\d+$"}, "123", True),
        ({"type": "regex", "value": r"^\d+$"}, "n 123", False),
        ({"type": "regex", "value": "CAT", "ignore_case": True}, "a cat", True),
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
