"""Assertions on what the target took: time, tokens, money, turns."""

from collections.abc import Mapping, Sequence
from typing import Any

from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem


def max_latency(assertion: spec.MaxLatency, scope: Scope) -> CheckResult:
    """The turn, or all turns together, took at most so many seconds."""
    turns = scope.turns[-1:] if scope.turn is not None else scope.turns
    took = sum(turn.latency_s for turn in turns)
    return CheckResult(passed=took <= assertion.value, message=f"{took:.3f} s of at most {assertion.value:g} s")


def max_tokens(assertion: spec.MaxTokens, scope: Scope) -> CheckResult:
    """The calls reported used at most so many tokens.

    Raises:
        InputError: the target reported no usage, so that nothing is known.
    """
    used = sum(
        (event.get("input_tokens") or 0) + (event.get("output_tokens") or 0) for event in _usage(scope, "max_tokens")
    )
    return CheckResult(passed=used <= assertion.value, message=f"{used} of at most {assertion.value} tokens")


def max_cost(assertion: spec.MaxCost, scope: Scope) -> CheckResult:
    """The calls reported cost at most so many dollars.

    Raises:
        InputError: the target reported no usage, or a call whose cost is unknown: unknown is not free.
    """
    usage = _usage(scope, "max_cost")
    unknown = {str(event.get("model") or "a model without a name") for event in usage if event.get("cost_usd") is None}
    if unknown:
        message = f"the cost of {', '.join(sorted(unknown))} is unknown"
        raise InputError(Problem(message=message, fix="give its price, or leave `max_cost` out"))
    cost = sum(event["cost_usd"] for event in usage)
    return CheckResult(passed=cost <= assertion.value, message=f"${cost:.6f} of at most ${assertion.value:g}")


def max_turns(assertion: spec.MaxTurns, scope: Scope) -> CheckResult:
    """The user spoke at most so many times."""
    turns = len(scope.turns)
    return CheckResult(passed=turns <= assertion.value, message=f"{turns} of at most {assertion.value} turns")


def _usage(scope: Scope, kind: str) -> Sequence[Mapping[str, Any]]:
    usage = [event for event in scope.events if event["type"] == "usage"]
    if not usage:
        fix = f"use a target that reports usage (`usage` events), or leave `{kind}` out"
        raise InputError(Problem(message="the target reported no usage", fix=fix))
    return usage
