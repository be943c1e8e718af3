"""The assertion on a number in the answer: `numeric`."""

import re
from decimal import Decimal, InvalidOperation
from typing import Literal

from pydantic import Field
from typing_extensions import override

from eval_pipeline.assertions.comparing import ComparingAssertion
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.spec.assertion import AssertionExample

Mark = Literal[".", ","]
"""What separates the whole part of a number from the rest."""
_SPACES = "\u00a0\u2009\u202f'\u2019"
"""Separators of thousands in every locale: spaces that do not break, and apostrophes."""


def _numbers(mark: Mark, groups: Mark) -> re.Pattern[str]:
    point, group = re.escape(mark), f"[{re.escape(groups)}{_SPACES}]"
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+(?!\d)|\d+"
    return re.compile(
        rf"(?<![\w.])(?<!\d,)[-+\u2212]?(?:(?:{whole})(?:{point}\d+)?|{point}\d+)(?:[eE][-+]?\d+)?"
        # What would be cut off here is part of a number of another locale, or the next number of a list.
        rf"(?P<more>(?:{re.escape(groups)}\d+)+(?:{point}\d+)?|(?:{point}\d{{3}})+(?!\d))?"
    )


_NUMBERS: dict[Mark, re.Pattern[str]] = {".": _numbers(".", ","), ",": _numbers(",", ".")}
_SHOWN = 10


class Numeric(ComparingAssertion):
    """A number in the text is `value`, within `abs` or within `rel` times `value`, whichever is wider."""

    type: Literal["numeric"]
    value: Decimal = Field(allow_inf_nan=False)
    """The expected number."""
    abs: Decimal = Field(default=Decimal(0), ge=0, allow_inf_nan=False)
    """The largest difference that passes."""
    rel: Decimal = Field(default=Decimal(0), ge=0, allow_inf_nan=False)
    """The largest difference that passes, as a share of `value`."""
    take: Literal["last", "first", "any"] = "last"
    """Which number in the text is compared."""
    decimal: Mark = "."
    """What separates decimals: `.` as in 1,234.5, or `,` as in 1.234,5. A number of the other form is an error."""

    examples = (
        AssertionExample("{type: numeric, value: 4.2, abs: 0.05}", "That is 4.25 in all", "That is 4.26 in all"),
    )

    @override
    def check(self, scope: Scope) -> CheckResult:
        numbers = numbers_in(scope.response, self.decimal)
        if not numbers:
            return CheckResult(passed=False, message="there is no number in the answer")
        compared = {"last": numbers[-1:], "first": numbers[:1], "any": numbers}[self.take]
        # Decimal, so that 4.4 is within 0.1 of 4.3.
        tolerance = max(self.abs, self.rel * abs(self.value))
        passed = any(abs(number - self.value) <= tolerance for number in compared if isinstance(number, Decimal))
        unclear = next((number for number in compared if isinstance(number, str)), None)
        if unclear is not None and not passed:
            other = "," if self.decimal == "." else "."
            fix = f"set `decimal: '{other}'` if it is one number of that form, else ask the target for another one"
            message = f"it is not clear which number {unclear!r} is with `decimal: '{self.decimal}'`"
            raise InputError(Problem(message=message, fix=fix))
        shown = ", ".join(map(str, compared[:_SHOWN]))
        return CheckResult(passed=passed, message=f"expected {self.value} within {tolerance:f}, found {shown}")


def numbers_in(text: str, mark: Mark = ".") -> list[Decimal | str]:
    """The numbers in `text`, in order, such as `-1,234.5`, `.5` and `1e-3`, without their units.

    One that may be read in several ways stays text: `12,5` and `1.234.567` with `mark` `.`.
    """
    group = "," if mark == "." else "."
    return [
        match[0] if match["more"] else _number(re.sub(f"[{group}{_SPACES}]", "", match[0]).replace(",", "."))
        for match in _NUMBERS[mark].finditer(text)
    ]


def _number(text: str) -> Decimal:
    text = text.replace("\u2212", "-")
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits
        return Decimal(f"{'-' * text.startswith('-')}inf" if "e-" not in text.lower() else 0)
