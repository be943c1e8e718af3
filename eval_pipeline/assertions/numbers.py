"""Numbers in answers."""

import decimal
import re

from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.scope import CheckResult, Scope

_NUMBER = re.compile(
    r"(?<![\w.])(?<!\d,)[-+\u2212]?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
)
_SHOWN = 10


def numeric(assertion: spec.Numeric, scope: Scope) -> CheckResult:
    """The number meant is within the tolerance. Decimal, so that 4.4 is within 0.1 of 4.3."""
    found = numbers_in(scope.response)
    if not found:
        return CheckResult(passed=False, message="there is no number in the answer")
    meant = {"last": found[-1:], "first": found[:1], "any": found}[assertion.take]
    tolerance = max(assertion.abs, assertion.rel * abs(assertion.value))
    passed = any(abs(number - assertion.value) <= tolerance for number in meant)
    shown = ", ".join(map(str, meant[:_SHOWN]))
    return CheckResult(passed=passed, message=f"expected {assertion.value} within {tolerance:f}, found {shown}")


def numbers_in(text: str) -> list[decimal.Decimal]:
    """The numbers in `text`, in order, such as `-1,234.5`, `.5` and `1e-3`, without their units."""
    return [_number(match[0].replace(",", "").replace("\u2212", "-")) for match in _NUMBER.finditer(text)]


def _number(text: str) -> decimal.Decimal:
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:  # an exponent of twenty digits
        return decimal.Decimal(f"{'-' * text.startswith('-')}inf" if "e-" not in text.lower() else 0)
