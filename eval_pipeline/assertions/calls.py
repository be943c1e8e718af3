"""Assertions on the tools that were called and the agents that took over, and the pairing of calls with their results.

`contains_function_call`, `no_function_call`, `function_call_order` and `handoff_to`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import override

from eval_pipeline.assertions.json_value import same_json
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.suite.spec.assertion import Assertion, AssertionExample

_ERROR = re.compile(r"\s*error\b", re.IGNORECASE)
"""How tools begin a result that is an error."""


class ContainsFunctionCall(Assertion):
    """The tool `value` was called, with at least these arguments."""

    type: Literal["contains_function_call"]
    value: str
    """The name of the tool."""
    args: Mapping[str, Any] | None = None
    """Arguments that one of its calls must have; it may have others besides."""

    examples = (
        AssertionExample(
            "{type: contains_function_call, value: find, args: {sku: T-1}}",
            "{calls: [{find: {sku: T-1, limit: 5}}]}",
            "{calls: [{find: {sku: T-2}}]}",
        ),
    )

    @override
    def check(self, scope: Scope) -> CheckResult:
        calls = [call for call in scope.calls if call["name"] == self.value]
        if not calls:
            return CheckResult(passed=False, message=f"{self.value} was not called; {_called(scope)}")
        if self.args is None or any(_includes(call["args"], self.args) for call in calls):
            return CheckResult(passed=True, message=f"{self.value} was called")
        seen = "; ".join(str(call["args"]) for call in calls[:3])
        return CheckResult(passed=False, message=f"{self.value} was called with {seen}, not with {dict(self.args)}")


class NoFunctionCall(Assertion):
    """None of these tools was called; without `value`, no tool at all."""

    type: Literal["no_function_call"]
    value: str | tuple[str, ...] | None = None
    """The names of tools; without it, every tool."""

    examples = (
        AssertionExample(
            "{type: no_function_call, value: [refund, cancel]}", "{calls: [find]}", "{calls: [find, refund]}"
        ),
    )

    @override
    def check(self, scope: Scope) -> CheckResult:
        forbidden = (self.value,) if isinstance(self.value, str) else self.value
        called = [call["name"] for call in scope.calls if forbidden is None or call["name"] in forbidden]
        return CheckResult(passed=not called, message=f"called: {', '.join(called)}" if called else "not called")


class FunctionCallOrder(Assertion):
    """How the calls compare with `value`, as in agentevals' trajectory match.

    `strict`: these calls in this order and no others. `unordered`: these calls and no others, in any order.
    `subset`: no call beyond these. `superset`: these calls at least, in any order.
    """

    type: Literal["function_call_order"]
    value: tuple[str, ...]
    """The names of tools."""
    mode: Literal["strict", "unordered", "subset", "superset"] = "strict"
    """How calls are compared: see above."""

    examples = (
        AssertionExample(
            "{type: function_call_order, value: [find, refund], mode: strict}",
            "{calls: [find, refund]}",
            "{calls: [refund, find]}",
        ),
        AssertionExample(
            "{type: function_call_order, value: [find, refund], mode: unordered}",
            "{calls: [refund, find]}",
            "{calls: [find]}",
        ),
        AssertionExample(
            "{type: function_call_order, value: [find, refund], mode: subset}",
            "{calls: [find]}",
            "{calls: [find, cancel]}",
        ),
        AssertionExample(
            "{type: function_call_order, value: [find, refund], mode: superset}",
            "{calls: [refund, find, find]}",
            "{calls: [find]}",
        ),
    )

    @override
    def check(self, scope: Scope) -> CheckResult:
        calls, expected = [call["name"] for call in scope.calls], list(self.value)
        beyond, lacking = Counter(calls) - Counter(expected), Counter(expected) - Counter(calls)
        passed = {
            "strict": calls == expected,
            "unordered": not beyond and not lacking,
            "subset": not beyond,
            "superset": not lacking,
        }[self.mode]
        message = f"{self.mode}: expected {', '.join(expected) or 'none'}; {_called(scope)}"
        return CheckResult(passed=passed, message=message)


class HandoffTo(Assertion):
    """The conversation was handed to the agent `value`."""

    type: Literal["handoff_to"]
    value: str
    """The name of the agent."""

    examples = (
        AssertionExample("{type: handoff_to, value: billing}", "{handoffs: [triage, billing]}", "{handoffs: [triage]}"),
    )

    @override
    def check(self, scope: Scope) -> CheckResult:
        agents = [str(event.get("to")) for event in scope.events if event["type"] == "handoff"]
        return CheckResult(passed=self.value in agents, message=f"handed to: {', '.join(agents) or 'no agent'}")


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A tool call and its result."""

    name: str
    args: Mapping[str, Any]
    content: str
    error: bool = False
    """Whether the tool reported an error."""

    @property
    def failed(self) -> bool:
        """Whether the result is an error: the tool reported one, or began with that word."""
        return self.error or _ERROR.match(self.content) is not None


def exchanges(events: Iterable[Mapping[str, Any]]) -> Iterator[Exchange]:
    """The tool calls with results among `events`, in the order of the results.

    A result answers the latest call before it with its id, because recordings reuse ids; without an id, with its name.
    A call without a result, such as one that the end of a recording cut off, is left out.
    """
    calls: dict[Any, Mapping[str, Any]] = {}
    for event in events:
        if event["type"] == "tool_call":
            calls[event.get("id") or event["name"]] = event
        elif event["type"] == "tool_result":
            call = calls.get(event.get("id") or event.get("name"))
            if call is not None:
                content = str(event.get("content") or "")
                yield Exchange(name=call["name"], args=call["args"], content=content, error=bool(event.get("error")))


def _includes(args: Any, expected: Any) -> bool:
    """Whether `args` has at least what `expected` has; lists must be equal in length."""
    if isinstance(expected, Mapping):
        return isinstance(args, Mapping) and all(
            key in args and _includes(args[key], value) for key, value in expected.items()
        )
    if isinstance(expected, list | tuple):
        return isinstance(args, list | tuple) and len(args) == len(expected) and all(map(_includes, args, expected))
    return same_json(args, expected)


def _called(scope: Scope) -> str:
    return f"called: {', '.join(call['name'] for call in scope.calls) or 'none'}"
