"""The assertion on a number in the answer: `numeric`."""

import decimal
import re
from typing import Literal

from pydantic import Field
from typing_extensions import override

from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.suite.spec.assertion import Assertion, AssertionExample

_NUMBER = re.compile(
    r"(?<![\w.])(?<!\d,)[-+\u2212]?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
)
_SHOWN = 10


class Numeric(Assertion):
    """A number in the text is `value`, within `abs` or within `rel` times `value`, whichever is wider."""

    type: Literal["numeric"]
    value: decimal.Decimal = Field(allow_inf_nan=False)
    abs: decimal.Decimal = Field(default=decimal.Decimal(0), ge=0, allow_inf_nan=False)
    rel: decimal.Decimal = Field(default=decimal.Decimal(0), ge=0, allow_inf_nan=False)
    take: Literal["last", "first", "any"] = "last"
    """Which number in the text is compared. Commas between thousands are read; `1.234,5` is not."""

    examples = (
        AssertionExample("{type: numeric, value: 4.2, abs: 0.05}", "That is 4.25 in all", "That is 4.26 in all"),
    )

    @override
    def check(self, scope: Scope) -> CheckResult:
        numbers = numbers_in(scope.response)
        if not numbers:
            return CheckResult(passed=False, message="there is no number in the answer")
        compared = {"last": numbers[-1:], "first": numbers[:1], "any": numbers}[self.take]
        # Decimal, so that 4.4 is within 0.1 of 4.3.
        tolerance = max(self.abs, self.rel * abs(self.value))
        passed = any(abs(number - self.value) <= tolerance for number in compared)
        shown = ", ".join(map(str, compared[:_SHOWN]))
        return CheckResult(passed=passed, message=f"expected {self.value} within {tolerance:f}, found {shown}")


def numbers_in(text: str) -> list[decimal.Decimal]:
    """The numbers in `text`, in order, such as `-1,234.5`, `.5` and `1e-3`, without their units."""
    return [_number(match[0].replace(",", "").replace("\u2212", "-")) for match in _NUMBER.finditer(text)]


def _number(text: str) -> decimal.Decimal:
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:  # an exponent of twenty digits
        return decimal.Decimal(f"{'-' * text.startswith('-')}inf" if "e-" not in text.lower() else 0)
