"""Assertions on JSON in answers: `is_json`, `json_schema`, `json_path`."""

import json
import textwrap
from collections.abc import Mapping
from typing import Any, Literal

import jsonpath
import jsonschema
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.assertions.normal_form import normal_value
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.suite.spec.assertion import Assertion, AssertionExample

_FENCE = "```"


class IsJson(Assertion):
    """The text is JSON, bare or in a code fence."""

    type: Literal["is_json"]

    examples = (AssertionExample("{type: is_json}", """'{"a": 1}'""", "'{a: 1}'"),)

    @override
    def check(self, scope: Scope) -> CheckResult:
        try:
            parse_json(scope.response)
        except ValueError as error:
            return CheckResult(passed=False, message=f"not JSON: {error}")
        return CheckResult(passed=True, message="is JSON")


class JsonSchema(Assertion):
    """The text is JSON (bare or in a code fence) that the JSON Schema accepts."""

    type: Literal["json_schema"]
    definition: Mapping[str, Any] = Field(alias="schema")

    examples = (
        AssertionExample(
            "{type: json_schema, schema: {required: [price]}}", """'{"price": 4.2}'""", """'{"cost": 4.2}'"""
        ),
    )

    @field_validator("definition")
    @classmethod
    def _is_schema(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            jsonschema.validators.validator_for(value).check_schema(dict(value))
        except jsonschema.SchemaError as error:
            reason = {"reason": error.message, "fix": "correct the schema"}
            raise PydanticCustomError("json_schema", "not a JSON Schema: {reason}", reason) from error
        return value

    @override
    def check(self, scope: Scope) -> CheckResult:
        try:
            data = parse_json(scope.response)
        except ValueError as error:
            return CheckResult(passed=False, message=f"not JSON: {error}")
        validator = jsonschema.validators.validator_for(self.definition)(self.definition)
        mistake = jsonschema.exceptions.best_match(validator.iter_errors(data))
        if mistake is None:
            return CheckResult(passed=True, message="the schema accepts it")
        return CheckResult(passed=False, message=f"{mistake.json_path}: {mistake.message}")


class JsonPath(Assertion):
    """The text is JSON in which `path` (JSONPath, RFC 9535) selects `value`; without a value, selects anything."""

    type: Literal["json_path"]
    path: str
    value: Any = None

    examples = (
        AssertionExample(
            '{type: json_path, path: "$.items[*].sku", value: T-1}',
            """'{"items": [{"sku": "T-1"}]}'""",
            """'{"items": []}'""",
        ),
    )

    @field_validator("value")
    @classmethod
    def _is_something(cls, value: Any) -> Any:
        if value is None:
            reason = {"fix": "leave `value` out to select anything, or assert null by `json_schema`"}
            raise PydanticCustomError("json_path", "null is the same as no value", reason)
        return value

    @field_validator("path")
    @classmethod
    def _is_json_path(cls, value: str) -> str:
        try:
            jsonpath.compile(value)
        except jsonpath.JSONPathError as error:
            reason = {"reason": str(error).splitlines()[0], "fix": "write a path such as `$.items[0].price`"}
            raise PydanticCustomError("json_path", "not a JSONPath: {reason}", reason) from error
        return value

    @override
    def check(self, scope: Scope) -> CheckResult:
        try:
            data = parse_json(scope.response)
        except ValueError as error:
            return CheckResult(passed=False, message=f"not JSON: {error}")
        selected = jsonpath.findall(self.path, data) if isinstance(data, dict | list) else []
        passed = bool(selected) if self.value is None else any(same_json(item, self.value) for item in selected)
        shown = short(json.dumps(selected, ensure_ascii=False)) if selected else "nothing"
        return CheckResult(passed=passed, message=f"{self.path} selects {shown}")


def parse_json(text: str) -> Any:
    """The JSON in `text`, bare or in a code fence.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return json.loads(_unfenced(text), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def same_json(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON is, at any depth, with their texts in normal form: true is not 1."""
    return _same(normal_value(one), normal_value(other))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def short(text: str) -> str:
    """`text` as a message shows it."""
    return repr(textwrap.shorten(text, 120, placeholder=" ..."))


def _unfenced(text: str) -> str:
    # No regular expression: on an answer that is a fence and thousands of line breaks it would search for hours.
    first, newline, rest = text.strip().partition("\n")
    body, fence, after = rest.rpartition(_FENCE)
    opened = first.rstrip() in (_FENCE, f"{_FENCE}json")
    closed = fence and not after and body.rstrip(" \t").endswith("\n")
    return body if newline and opened and closed else text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON's")
