"""Metrics without bounds: what assertions that have them share, and the assertion that reads a number, `number`."""

import math
from typing import Any, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.assertions.comparing import ComparingAssertion
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.spec.assertion import Assertion, AssertionExample, SuiteFacts
from eval_pipeline.suite.spec.expression import PartPath


class MayBeUnbounded(Assertion):
    """An assertion whose number may be a metric without bounds: a length, a count, seconds."""

    unbounded: bool = False
    """Its number is kept as it is, not scored from 0 to 1: the metric has a mean, a median and percentiles, and gates
    `min_score` and `max_score` decide by it."""
    worst: float | None = None
    """With `unbounded`: what gates count for an attempt that ended in an error. Without it they are undecided then."""

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> "MayBeUnbounded":
        if self.unbounded and self.threshold is not None:
            fix = {"fix": "set a gate `min_score` or `max_score` on its metric"}
            raise PydanticCustomError("unbounded", "a `threshold` is of scores from 0 to 1", fix)
        if self.worst is not None and not self.unbounded:
            raise PydanticCustomError(
                "unbounded", "`worst` is of numbers without bounds", {"fix": "add `unbounded: true`"}
            )
        return self

    @property
    @override
    def worst_value(self) -> float | None:
        return self.worst


class Number(ComparingAssertion):
    """The number at `at`, such as a length or a count, as a metric without bounds; `min` and `max` decide by it."""

    type: Literal["number"]
    at: PartPath
    min: float | None = None
    """The least number that passes."""
    max: float | None = None
    """The greatest number that passes."""
    worst: float | None = None
    """What gates count for an attempt that ended in an error. Without it they are undecided then."""

    examples = (AssertionExample("{type: number, at: length(text), max: 8}", "Tea", "Tea costs 4.20"),)

    @property
    @override
    def worst_value(self) -> float | None:
        return self.worst

    @override
    def may_decide(self, suite: SuiteFacts) -> bool:
        return (self.min, self.max) != (None, None)

    @override
    def nothing(self) -> CheckResult:
        return CheckResult(passed=None if (self.min, self.max) == (None, None) else False, message="there is nothing")

    @override
    def check(self, scope: Scope) -> CheckResult:
        value = number_of(scope.focus)
        below, beyond = self.min is not None and value < self.min, self.max is not None and value > self.max
        limits = [f"at least {self.min:g}"] if self.min is not None else []
        limits += [f"at most {self.max:g}"] if self.max is not None else []
        passed = not below and not beyond if limits else None
        message = ", ".join([f"{value:g}", *limits])
        return CheckResult(passed=passed, value=value, message=message)


def number_of(value: Any) -> float:
    """A finite number: itself, or written as text.

    Raises:
        InputError: it is none.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        shown = str(value)
        raise InputError(Problem(message=f"{shown[:100]!r} is no number", fix="name the place of a number"))
    return number
