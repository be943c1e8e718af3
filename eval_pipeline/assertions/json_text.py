"""Assertions on JSON in answers: `is_json`, `json_schema`, `json_path`."""

import json
from collections.abc import Mapping
from typing import Any, Literal

import jsonpath
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.assertions.bounded_path import select
from eval_pipeline.assertions.comparing import ComparingAssertion
from eval_pipeline.assertions.json_value import same_json, short
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.suite.documents.bounded_schema import first_mistake, schema_problem
from eval_pipeline.suite.spec.assertion import AssertionExample
from eval_pipeline.suite.spec.expression import Reference


class IsJson(ComparingAssertion):
    """The text is JSON, bare or in a code fence."""

    type: Literal["is_json"]

    examples = (AssertionExample("{type: is_json}", """'{"a": 1}'""", "'{a: 1}'"),)

    @override
    def check(self, scope: Scope) -> CheckResult:
        try:
            _ = scope.data
        except ValueError as error:
            return CheckResult(passed=False, message=f"not JSON: {error}")
        return CheckResult(passed=True, message="is JSON")


class JsonSchema(ComparingAssertion):
    """The text is JSON (bare or in a code fence) that the JSON Schema accepts."""

    type: Literal["json_schema"]
    definition: Mapping[str, Any] = Field(alias="schema")
    """The schema, as a mapping."""

    may_take_long = True

    examples = (
        AssertionExample(
            "{type: json_schema, schema: {required: [price]}}", """'{"price": 4.2}'""", """'{"cost": 4.2}'"""
        ),
    )

    @field_validator("definition")
    @classmethod
    def _is_schema(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if isinstance(value, Reference):
            return value
        problem = schema_problem(value)
        if problem is not None:
            reason = {"reason": problem, "fix": "correct the schema"}
            raise PydanticCustomError("json_schema", "not a JSON Schema: {reason}", reason)
        return value

    @override
    def check(self, scope: Scope) -> CheckResult:
        try:
            data = scope.data
        except ValueError as error:
            return CheckResult(passed=False, message=f"not JSON: {error}")
        mistake = first_mistake(self.definition, data)
        return CheckResult(passed=mistake is None, message=mistake or "the schema accepts it")


class JsonPath(ComparingAssertion):
    """The text is JSON in which `path` (JSONPath, RFC 9535) selects `value`; without a value, selects anything."""

    type: Literal["json_path"]
    path: str
    """A JSONPath (RFC 9535)."""
    value: Any = None
    """What one of the values there must equal; without it, there must be a value."""

    may_take_long = True

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
            data = scope.data
        except ValueError as error:
            return CheckResult(passed=False, message=f"not JSON: {error}")
        selected = select(self.path, data) if isinstance(data, dict | list) else []
        passed = bool(selected) if self.value is None else any(same_json(item, self.value) for item in selected)
        shown = short(json.dumps(selected, ensure_ascii=False)) if selected else "nothing"
        return CheckResult(passed=passed, message=f"{self.path} selects {shown}")
