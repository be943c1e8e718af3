"""Assertions on the tools that were called and the agents that took over."""

from collections.abc import Mapping
from typing import Any, Literal

from eval_pipeline.assertions.fields.base import BaseAssertion


class ContainsFunctionCall(BaseAssertion):
    """The tool `value` was called, with at least these arguments."""

    type: Literal["contains_function_call"]
    value: str
    args: Mapping[str, Any] | None = None


class NoFunctionCall(BaseAssertion):
    """None of these tools was called; without `value`, no tool at all."""

    type: Literal["no_function_call"]
    value: str | tuple[str, ...] | None = None


class FunctionCallOrder(BaseAssertion):
    """How the calls made compare with `value`, as in agentevals' trajectory match.

    `strict`: these calls in this order and no others. `unordered`: these calls and no others, in any order.
    `subset`: no call beyond these. `superset`: these calls at least, in any order.
    """

    type: Literal["function_call_order"]
    value: tuple[str, ...]
    mode: Literal["strict", "unordered", "subset", "superset"] = "strict"


class HandoffTo(BaseAssertion):
    """The conversation was handed to the agent `value`."""

    type: Literal["handoff_to"]
    value: str
