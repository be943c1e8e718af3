"""Assertions on the tools that were called and the agents that took over."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.scope import CheckResult, Scope


def contains_function_call(assertion: spec.ContainsFunctionCall, scope: Scope) -> CheckResult:
    """The tool was called, with at least the given arguments."""
    calls = [call for call in scope.calls if call["name"] == assertion.value]
    if not calls:
        return CheckResult(passed=False, message=f"{assertion.value} was not called; {_called(scope)}")
    if assertion.args is None or any(_includes(call["args"], assertion.args) for call in calls):
        return CheckResult(passed=True, message=f"{assertion.value} was called")
    seen = "; ".join(str(call["args"]) for call in calls[:3])
    return CheckResult(
        passed=False, message=f"{assertion.value} was called with {seen}, not with {dict(assertion.args)}"
    )


def no_function_call(assertion: spec.NoFunctionCall, scope: Scope) -> CheckResult:
    """None of the tools was called."""
    forbidden = (assertion.value,) if isinstance(assertion.value, str) else assertion.value
    found = [call["name"] for call in scope.calls if forbidden is None or call["name"] in forbidden]
    return CheckResult(passed=not found, message=f"called: {', '.join(found)}" if found else "not called")


def function_call_order(assertion: spec.FunctionCallOrder, scope: Scope) -> CheckResult:
    """The calls made compare with those expected as `mode` says."""
    made, expected = [call["name"] for call in scope.calls], list(assertion.value)
    beyond, lacking = Counter(made) - Counter(expected), Counter(expected) - Counter(made)
    passed = {
        "strict": made == expected,
        "unordered": not beyond and not lacking,
        "subset": not beyond,
        "superset": not lacking,
    }[assertion.mode]
    return CheckResult(
        passed=passed, message=f"{assertion.mode}: expected {', '.join(expected) or 'none'}; {_called(scope)}"
    )


def handoff_to(assertion: spec.HandoffTo, scope: Scope) -> CheckResult:
    """Some handoff was to the agent."""
    agents = [str(event.get("to")) for event in scope.events if event["type"] == "handoff"]
    return CheckResult(passed=assertion.value in agents, message=f"handed to: {', '.join(agents) or 'nobody'}")


def _includes(made: Any, expected: Any) -> bool:
    """Whether `made` has at least what `expected` has; lists must be equal in length."""
    if isinstance(expected, Mapping):
        return isinstance(made, Mapping) and all(
            key in made and _includes(made[key], value) for key, value in expected.items()
        )
    if isinstance(expected, list | tuple):
        return isinstance(made, list | tuple) and len(made) == len(expected) and all(map(_includes, made, expected))
    return bool(made == expected)


def _called(scope: Scope) -> str:
    return f"called: {', '.join(call['name'] for call in scope.calls) or 'none'}"
