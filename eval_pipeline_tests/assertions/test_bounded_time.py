"""Patterns and schemas on hostile answers: they end in time, read nothing, and hold up no other attempt."""

import asyncio
import json
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from eval_pipeline.assertions import bounded_path
from eval_pipeline.assertions.bounded_path import select
from eval_pipeline.assertions.json_text import JsonSchema
from eval_pipeline.assertions.scoring import score
from eval_pipeline.assertions.text import Regex
from eval_pipeline.errors import InputError
from eval_pipeline.suite.documents import bounded_schema
from eval_pipeline.suite.documents.bounded_schema import first_mistake, schema_problem
from eval_pipeline_tests.building import a_scope, a_turn

HOSTILE = "a" * 400 + "!"
PATTERN = r"^(a|a|b?a)*$"
"""One that backtracks in `regex`, too."""


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_schema, "_SECONDS", 0.2)
    monkeypatch.setattr(bounded_path, "_SECONDS", 0.2)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ({"pattern": PATTERN}, HOSTILE),
        ({"patternProperties": {PATTERN: {}}}, {HOSTILE: 1}),
        ({"patternProperties": {PATTERN: {}}, "additionalProperties": False}, {HOSTILE: 1}),
        ({"propertyNames": {"pattern": PATTERN}}, {HOSTILE: 1}),
        ({"$defs": {"a": {"allOf": [{"items": {"$ref": "#/$defs/a"}}] * 9}}, "$ref": "#/$defs/a"}, [[[[[[[[]]]]]]]]),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_a_validation_that_would_not_end_is_an_error_that_says_so(schema: dict[str, Any], data: Any) -> None:
    assert schema_problem(schema) is None
    with pytest.raises(InputError, match="longer than"):
        first_mistake(schema, data)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("path", ["$[?match(@, '{}')]", "$[?search(@, '{}')]", "$[?@ =~ /{}/]"])
def test_a_selection_that_would_not_end_is_an_error_that_says_so(path: str) -> None:
    with pytest.raises(InputError, match="within"):
        select(path.format(r"(a|a|b?a)*$"), [HOSTILE])


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:1/a.json", "file:///etc/passwd", "other.json", "#/$defs/none", "https://x.y/#/a"]
)
def test_a_schema_reads_no_url_and_no_file(reference: str) -> None:
    with pytest.raises(ValidationError, match="not in the schema"):
        JsonSchema.model_validate({"type": "json_schema", "schema": {"properties": {"a": {"$ref": reference}}}})
    with pytest.raises(InputError, match="cannot be used"):
        first_mistake({"$ref": reference}, {})


@pytest.mark.parametrize(
    "schema", [{"pattern": "("}, {"type": "nothing"}, {"properties": 1}, {"patternProperties": {"(": {}}}]
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="not a JSON Schema"):
        JsonSchema.model_validate({"type": "json_schema", "schema": schema})


def test_a_schema_that_refers_to_itself_without_end_is_an_error() -> None:
    with pytest.raises(InputError, match="without end"):
        first_mistake({"$ref": "#"}, {})


async def test_neighbours_go_on_while_a_pattern_searches_a_hostile_answer() -> None:
    async def longest_wait() -> float:
        longest, before = 0.0, time.monotonic()
        while not hostile.done():
            await asyncio.sleep(0.01)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        return longest

    asserted = Regex.model_validate({"type": "regex", "value": PATTERN, "timeout_s": 1.0})
    hostile = asyncio.create_task(score(asserted, a_scope(a_turn(HOSTILE))))
    waited = await longest_wait()

    assert waited < 0.9, "the event loop stood still for as long as the pattern searched"
    assert "took longer than 1 s" in hostile.result()[0].message


_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.text("ab1", max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=6,
)
_schemas = st.recursive(
    st.one_of(
        st.booleans(),
        st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["string", "number", "integer", "object", "array", "null", "boolean"]),
                "pattern": st.sampled_from(["^a", "b$", "1"]),
                "minimum": st.integers(-2, 2),
                "uniqueItems": st.booleans(),
                "minItems": st.integers(0, 2),
                "enum": st.lists(_values, min_size=1, max_size=3),
                "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            },
        ),
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "[bc]"]), inner, max_size=2),
            "additionalProperties": inner,
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=5,
).filter(lambda schema: isinstance(schema, dict))


@settings(deadline=None)
@given(_schemas, _values)
def test_it_decides_as_jsonschema_does(schema: dict[str, Any], data: Any) -> None:
    assert schema_problem(schema) is None
    kind = jsonschema.validators.validator_for(schema)
    assert (first_mistake(schema, data) is None) == kind(schema).is_valid(data)
