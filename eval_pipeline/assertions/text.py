"""Assertions on the text of answers."""

import regex as regular

from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.json_text import parse_json, short
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem


def contains(assertion: spec.Contains, scope: Scope) -> CheckResult:
    """Every value stands in the text."""
    return _all_there(assertion.value, scope, ignore_case=assertion.ignore_case)


def icontains(assertion: spec.IContains, scope: Scope) -> CheckResult:
    """Every value stands in the text, in whatever case."""
    return _all_there(assertion.value, scope, ignore_case=True)


def not_contains(assertion: spec.NotContains, scope: Scope) -> CheckResult:
    """No value stands in the text."""
    found = [
        value for value in _values(assertion.value) if _within(value, scope.text, ignore_case=assertion.ignore_case)
    ]
    return CheckResult(passed=not found, message=f"found: {', '.join(map(repr, found))}" if found else "none found")


def equals(assertion: spec.Equals, scope: Scope) -> CheckResult:
    """The answer is the value."""
    answer = scope.response.strip()
    if isinstance(assertion.value, str):
        expected = assertion.value.strip()
        same = answer.casefold() == expected.casefold() if assertion.ignore_case else answer == expected
        return CheckResult(passed=same, message="equal" if same else f"expected {expected!r}, got {short(answer)}")
    try:
        found = parse_json(answer)
    except ValueError:
        return CheckResult(passed=False, message=f"expected {assertion.value!r}, got no JSON: {short(answer)}")
    return CheckResult(passed=found == assertion.value, message=f"expected {assertion.value!r}, got {found!r}")


def starts_with(assertion: spec.StartsWith, scope: Scope) -> CheckResult:
    """The answer begins with one of the values."""
    answer = scope.response.lstrip()
    said = answer.casefold() if assertion.ignore_case else answer
    for value in _values(assertion.value):
        if said.startswith(value.casefold() if assertion.ignore_case else value):
            return CheckResult(passed=True, message=f"begins with {value!r}")
    return CheckResult(passed=False, message=f"begins otherwise: {short(answer)}")


def regex(assertion: spec.Regex, scope: Scope) -> CheckResult:
    """The pattern matches somewhere.

    Raises:
        InputError: searching took longer than `timeout_s`.
    """
    flags = regular.IGNORECASE if assertion.ignore_case else 0
    try:
        match = regular.search(assertion.value, scope.text, flags, timeout=assertion.timeout_s)
    except TimeoutError as error:
        message = f"the pattern found no end within {assertion.timeout_s:g} s on {len(scope.text)} characters"
        fix = "write it without nested repetition, such as `(a+)+`, or give it more `timeout_s`"
        raise InputError(Problem(message=message, fix=fix)) from error
    return CheckResult(
        passed=match is not None, message=f"matched {match[0]!r}" if match else f"no match in {short(scope.text)}"
    )


def one_of(assertion: spec.OneOf, scope: Scope) -> CheckResult:
    """The answer is one of the labels."""
    answer = scope.response.strip()
    # A label may end in a full stop itself.
    said = {answer, answer.strip(".\"'`")}
    folded = {text.casefold() for text in said} if assertion.ignore_case else said
    for label in assertion.value:
        if (label.casefold() if assertion.ignore_case else label) in folded:
            return CheckResult(passed=True, message=f"is {label!r}", label=label)
    return CheckResult(passed=False, message=f"none of {', '.join(assertion.value)}: {short(answer)}")


def _all_there(values: str | tuple[str, ...], scope: Scope, *, ignore_case: bool) -> CheckResult:
    missing = [value for value in _values(values) if not _within(value, scope.text, ignore_case=ignore_case)]
    return CheckResult(
        passed=not missing, message=f"missing: {', '.join(map(repr, missing))}" if missing else "all there"
    )


def _values(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _within(value: str, text: str, *, ignore_case: bool) -> bool:
    return value.casefold() in text.casefold() if ignore_case else value in text
