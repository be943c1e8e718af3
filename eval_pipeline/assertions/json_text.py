"""Assertions on JSON in answers."""

import json
import textwrap
from typing import Any

import jsonpath
import jsonschema

from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.scope import CheckResult, Scope

_FENCE = "```"


def is_json(assertion: spec.IsJson, scope: Scope) -> CheckResult:  # noqa: ARG001 - as every assertion
    """The answer is JSON."""
    try:
        parse_json(scope.response)
    except ValueError as error:
        return CheckResult(passed=False, message=f"not JSON: {error}")
    return CheckResult(passed=True, message="is JSON")


def json_schema(assertion: spec.JsonSchema, scope: Scope) -> CheckResult:
    """The answer is JSON that the schema accepts."""
    try:
        found = parse_json(scope.response)
    except ValueError as error:
        return CheckResult(passed=False, message=f"not JSON: {error}")
    validator = jsonschema.validators.validator_for(assertion.definition)(assertion.definition)
    mistake = jsonschema.exceptions.best_match(validator.iter_errors(found))
    if mistake is None:
        return CheckResult(passed=True, message="the schema accepts it")
    return CheckResult(passed=False, message=f"{mistake.json_path}: {mistake.message}")


def json_path(assertion: spec.JsonPath, scope: Scope) -> CheckResult:
    """The path selects the value, or anything."""
    try:
        found = parse_json(scope.response)
    except ValueError as error:
        return CheckResult(passed=False, message=f"not JSON: {error}")
    selected = jsonpath.findall(assertion.path, found) if isinstance(found, dict | list) else []
    passed = bool(selected) if assertion.value is None else any(_same(item, assertion.value) for item in selected)
    shown = short(json.dumps(selected, ensure_ascii=False)) if selected else "nothing"
    return CheckResult(passed=passed, message=f"{assertion.path} selects {shown}")


def _same(found: Any, value: Any) -> bool:
    """Equal as JSON is: true is not 1."""
    return isinstance(found, bool) == isinstance(value, bool) and bool(found == value)


def parse_json(text: str) -> Any:
    """The JSON in `text`, bare or in a code fence.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return json.loads(_unfenced(text), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _unfenced(text: str) -> str:
    # No regular expression: on an answer that is a fence and thousands of line breaks it would look for hours.
    first, newline, rest = text.strip().partition("\n")
    body, fence, after = rest.rpartition(_FENCE)
    opened = first.rstrip() in (_FENCE, f"{_FENCE}json")
    closed = fence and not after and body.rstrip(" \t").endswith("\n")
    return body if newline and opened and closed else text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON's")


def short(text: str) -> str:
    """`text` as a message shows it."""
    return repr(textwrap.shorten(text, 120, placeholder=" ..."))
