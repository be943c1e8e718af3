"""Assertions on the text of answers.

Belongs here: comparing text. Does not belong here: meaning (`rubric.py`) or facts (`grounding.py`).
"""

import json
import re
import textwrap
from typing import Any

import jsonschema

from eval_pipeline.evaluation.assertions.scope import Scope, Verdict
from eval_pipeline.suite import assertion as spec

_FENCE = re.compile(r"^\s*```(?:json)?\s*\n(?P<body>.*?)\n\s*```\s*$", re.DOTALL)


def contains(assertion: spec.Contains, scope: Scope) -> Verdict:
    """Every value stands in the text."""
    missing = [
        value for value in _values(assertion.value) if not _within(value, scope.text, ignore_case=assertion.ignore_case)
    ]
    return Verdict(passed=not missing, message=f"missing: {', '.join(map(repr, missing))}" if missing else "all there")


def not_contains(assertion: spec.NotContains, scope: Scope) -> Verdict:
    """No value stands in the text."""
    found = [
        value for value in _values(assertion.value) if _within(value, scope.text, ignore_case=assertion.ignore_case)
    ]
    return Verdict(passed=not found, message=f"found: {', '.join(map(repr, found))}" if found else "none found")


def equals(assertion: spec.Equals, scope: Scope) -> Verdict:
    """The answer is the value."""
    answer = scope.response.strip()
    if isinstance(assertion.value, str):
        expected = assertion.value.strip()
        same = answer.casefold() == expected.casefold() if assertion.ignore_case else answer == expected
        return Verdict(passed=same, message="equal" if same else f"expected {expected!r}, got {_short(answer)}")
    try:
        found = parse_json(answer)
    except ValueError:
        return Verdict(passed=False, message=f"expected {assertion.value!r}, got no JSON: {_short(answer)}")
    return Verdict(passed=found == assertion.value, message=f"expected {assertion.value!r}, got {found!r}")


def regex(assertion: spec.Regex, scope: Scope) -> Verdict:
    """The pattern matches somewhere."""
    match = re.search(assertion.value, scope.text, re.IGNORECASE if assertion.ignore_case else 0)
    return Verdict(
        passed=match is not None, message=f"matched {match[0]!r}" if match else f"no match in {_short(scope.text)}"
    )


def one_of(assertion: spec.OneOf, scope: Scope) -> Verdict:
    """The answer is one of the labels."""
    answer = scope.response.strip()
    # A label may end in a full stop itself.
    said = {answer, answer.strip(".\"'`")}
    folded = {text.casefold() for text in said} if assertion.ignore_case else said
    for label in assertion.value:
        if (label.casefold() if assertion.ignore_case else label) in folded:
            return Verdict(passed=True, message=f"is {label!r}", label=label)
    return Verdict(passed=False, message=f"none of {', '.join(assertion.value)}: {_short(answer)}")


def json_schema(assertion: spec.JsonSchema, scope: Scope) -> Verdict:
    """The answer is JSON that the schema accepts."""
    try:
        found = parse_json(scope.response)
    except ValueError as error:
        return Verdict(passed=False, message=f"not JSON: {error}")
    validator = jsonschema.validators.validator_for(assertion.definition)(assertion.definition)
    mistake = jsonschema.exceptions.best_match(validator.iter_errors(found))
    if mistake is None:
        return Verdict(passed=True, message="the schema accepts it")
    return Verdict(passed=False, message=f"{mistake.json_path}: {mistake.message}")


def parse_json(text: str) -> Any:
    """The JSON in `text`, bare or in a code fence.

    Raises:
        ValueError: it is not JSON.
    """
    fenced = _FENCE.match(text)
    return json.loads(fenced["body"] if fenced else text)


def _values(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _within(value: str, text: str, *, ignore_case: bool) -> bool:
    return value.casefold() in text.casefold() if ignore_case else value in text


def _short(text: str) -> str:
    return repr(textwrap.shorten(text, 120, placeholder=" ..."))
