"""Assertions on the text of answers: `contains`, `not_contains`, `equals`, `starts_with`, `regex`, `one_of`.

On a turn the text is the answer of that turn. On the conversation it is all answers for `contains`, `icontains`,
`not_contains` and `regex`, and the last answer for the others. Texts are compared as `normal_form` describes.
"""

from typing import Any, Literal

import regex
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.assertions.comparing import ComparingAssertion
from eval_pipeline.assertions.json_value import same_json, short
from eval_pipeline.assertions.normal_form import normal_text
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.spec.assertion import AssertionExample
from eval_pipeline.suite.spec.expression import Reference


class Contains(ComparingAssertion):
    """The text holds every one of `value`."""

    type: Literal["contains"]
    value: str | tuple[str, ...]
    """A text, or several that must all be there."""
    ignore_case: bool = False
    """Whether upper and lower case are the same."""

    examples = (
        AssertionExample('{type: contains, value: [tea, "4.20"]}', "A cup of tea costs 4.20", "Tea costs 4.20"),
    )

    @override
    def check(self, scope: Scope) -> CheckResult:
        return _all_within(self.value, scope.text, ignore_case=self.ignore_case)


class IContains(ComparingAssertion):
    """The text holds every one of `value`, in upper or lower case."""

    type: Literal["icontains"]
    value: str | tuple[str, ...]
    """A text, or several that must all be there."""

    examples = (AssertionExample("{type: icontains, value: tea}", "Tea costs 4.20", "Gold is not sold"),)

    @override
    def check(self, scope: Scope) -> CheckResult:
        return _all_within(self.value, scope.text, ignore_case=True)


class NotContains(ComparingAssertion):
    """The text holds none of `value`."""

    type: Literal["not_contains"]
    value: str | tuple[str, ...]
    """A text, or several of which none may be there."""
    ignore_case: bool = False
    """Whether upper and lower case are the same."""

    examples = (AssertionExample("{type: not_contains, value: [sorry, cannot]}", "Tea costs 4.20", "I cannot say"),)

    @override
    def check(self, scope: Scope) -> CheckResult:
        present = [value for value in _values(self.value) if _within(value, scope.text, ignore_case=self.ignore_case)]
        shown = ", ".join(map(repr, present))
        return CheckResult(passed=not present, message=f"found: {shown}" if present else "none found")


class Equals(ComparingAssertion):
    """The text, stripped, is `value`; with a value that is not text, the text is JSON for it."""

    type: Literal["equals"]
    value: Any
    """The expected value, text or any JSON."""
    ignore_case: bool = False
    """Whether upper and lower case of texts are the same."""

    examples = (AssertionExample('{type: equals, value: "yes"}', "yes", "yes, it is"),)

    @override
    def nothing(self) -> CheckResult:
        return CheckResult(passed=self.value is None, message="there is nothing")

    @override
    def check(self, scope: Scope) -> CheckResult:
        answer = scope.response.strip()
        if isinstance(self.value, str):
            expected = self.value.strip()
            same = _form(answer, ignore_case=self.ignore_case) == _form(expected, ignore_case=self.ignore_case)
            return CheckResult(passed=same, message="equal" if same else f"expected {expected!r}, got {short(answer)}")
        try:
            data = scope.data
        except ValueError:
            return CheckResult(passed=False, message=f"expected {self.value!r}, got no JSON: {short(answer)}")
        return CheckResult(passed=same_json(data, self.value), message=f"expected {self.value!r}, got {data!r}")


class StartsWith(ComparingAssertion):
    """The text, without white space before it, begins with `value`, or with one of them."""

    type: Literal["starts_with"]
    value: str | tuple[str, ...]
    """A text, or several of which one must be the beginning."""
    ignore_case: bool = False
    """Whether upper and lower case are the same."""

    examples = (AssertionExample('{type: starts_with, value: "Dear "}', "Dear customer, ...", "Hi"),)

    @override
    def check(self, scope: Scope) -> CheckResult:
        answer = scope.response.lstrip()
        text = _form(answer, ignore_case=self.ignore_case)
        for value in _values(self.value):
            if text.startswith(_form(value, ignore_case=self.ignore_case)):
                return CheckResult(passed=True, message=f"begins with {value!r}")
        return CheckResult(passed=False, message=f"begins otherwise: {short(answer)}")


class Regex(ComparingAssertion):
    """`value` matches somewhere in the text (Python's `re.search`, with the `regex` package's additions)."""

    type: Literal["regex"]
    value: str
    """A regular expression, searched for anywhere in the text."""
    ignore_case: bool = False
    """Whether upper and lower case are the same."""
    timeout_s: float = Field(default=1.0, gt=0)
    """Seconds of searching, beyond which the assertion is an error: some patterns never end on some texts."""

    may_take_long = True

    examples = (AssertionExample(r"{type: regex, value: '\d+\.\d\d\b'}", "Tea costs 4.20", "Tea costs 4.2"),)

    @field_validator("value")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return value if isinstance(value, Reference) else checked_pattern(value)

    @override
    def check(self, scope: Scope) -> CheckResult:
        flags = regex.IGNORECASE if self.ignore_case else 0
        # As it is, too: a pattern may ask for the characters that the other form does not have.
        texts = dict.fromkeys((normal_text(scope.text), scope.text))
        try:
            searches = (
                regex.search(normal_text(self.value), text, flags, timeout=self.timeout_s, concurrent=True)
                for text in texts
            )
            match = next(filter(None, searches), None)
        except TimeoutError as error:
            message = f"the search took longer than {self.timeout_s:g} s on {len(scope.text)} characters"
            fix = "write the pattern without nested repetition, such as `(a+)+`, or raise `timeout_s`"
            raise InputError(Problem(message=message, fix=fix)) from error
        shown = f"matched {match[0]!r}" if match else f"no match in {short(scope.text)}"
        return CheckResult(passed=match is not None, message=shown)


class OneOf(ComparingAssertion):
    """The text, stripped, is one of these labels; case decides only if `ignore_case` is off."""

    type: Literal["one_of"]
    value: tuple[str, ...] = Field(min_length=1)
    """The texts of which it must be one."""
    ignore_case: bool = True
    """Whether upper and lower case are the same."""

    examples = (AssertionExample("{type: one_of, value: [refund, exchange]}", "Refund.", "a refund or an exchange"),)

    @override
    def check(self, scope: Scope) -> CheckResult:
        answer = scope.response.strip()
        # A label may end in a full stop itself.
        forms = {_form(form, ignore_case=self.ignore_case) for form in (answer, answer.strip(".\"'`"))}
        for label in self.value:
            if _form(label, ignore_case=self.ignore_case) in forms:
                return CheckResult(passed=True, message=f"is {label!r}", label=label)
        return CheckResult(passed=False, message=f"none of {', '.join(self.value)}: {short(answer)}")


def checked_pattern(value: str) -> str:
    """`value`, for validators of pydantic models.

    Raises:
        PydanticCustomError: it is not a regular expression.
    """
    try:
        regex.compile(value)
    except regex.error as error:
        reason = {"reason": str(error), "fix": "correct the pattern (Python's `re` syntax, as `regex` extends it)"}
        raise PydanticCustomError("regex", "not a regular expression: {reason}", reason) from error
    return value


def _all_within(value: str | tuple[str, ...], text: str, *, ignore_case: bool) -> CheckResult:
    missing = [value for value in _values(value) if not _within(value, text, ignore_case=ignore_case)]
    shown = f"missing: {', '.join(map(repr, missing))}" if missing else "all there"
    return CheckResult(passed=not missing, message=shown)


def _values(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _within(value: str, text: str, *, ignore_case: bool) -> bool:
    return _form(value, ignore_case=ignore_case) in _form(text, ignore_case=ignore_case)


def _form(text: str, *, ignore_case: bool) -> str:
    normal = normal_text(text)
    return normal_text(normal.casefold()) if ignore_case else normal
