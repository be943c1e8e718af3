"""Assertions on what the target took: `max_latency`, `max_tokens`, `max_cost`, `max_turns`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field
from typing_extensions import override

from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.spec.assertion import Assertion, AssertionExample, SuiteFacts


class MaxLatency(Assertion):
    """The target took at most `value` seconds, for the turn or for all of them; judges are not in it."""

    type: Literal["max_latency"]
    value: float = Field(gt=0)
    """Seconds."""

    examples = (AssertionExample("{type: max_latency, value: 2}", "{latency_s: 1.5}", "{latency_s: 2.5}"),)

    @override
    def check(self, scope: Scope) -> CheckResult:
        turns = scope.turns[-1:] if scope.turn is not None else scope.turns
        took = sum(turn.latency_s for turn in turns)
        return CheckResult(passed=took <= self.value, message=f"{took:.3f} s of at most {self.value:g} s")

    @override
    def problems(self, suite: SuiteFacts) -> Iterable[Problem]:
        if not suite.target.live:
            fix = "use a live target, or leave `max_latency` out"
            yield Problem(message="a recorded conversation takes no time", fix=fix, field="type")


class MaxTokens(Assertion):
    """The target's model calls used at most `value` tokens, input and output together."""

    type: Literal["max_tokens"]
    value: int = Field(ge=0)
    """Tokens, of inputs and outputs together."""

    examples = (AssertionExample("{type: max_tokens, value: 100}", "{tokens: 100}", "{tokens: 101}"),)

    @override
    def check(self, scope: Scope) -> CheckResult:
        usage = _usage(scope, self.type)
        used = sum((event.get("input_tokens") or 0) + (event.get("output_tokens") or 0) for event in usage)
        return CheckResult(passed=used <= self.value, message=f"{used} of at most {self.value} tokens")


class MaxCost(Assertion):
    """The target's model calls cost at most `value` US dollars; where the cost of one is unknown, it is an error."""

    type: Literal["max_cost"]
    value: float = Field(ge=0)
    """Dollars."""

    examples = (
        AssertionExample(
            "{type: max_cost, value: 0.01}", "{tokens: 100, cost_usd: 0.002}", "{tokens: 100, cost_usd: 0.02}"
        ),
    )

    @override
    def check(self, scope: Scope) -> CheckResult:
        usage = _usage(scope, self.type)
        unpriced = [event for event in usage if event.get("cost_usd") is None]
        if unpriced:  # unknown is not free
            models = sorted({str(event.get("model") or "a model without a name") for event in unpriced})
            message = f"the cost of {', '.join(models)} is unknown"
            raise InputError(Problem(message=message, fix="give its price, or leave `max_cost` out"))
        cost = sum(event["cost_usd"] for event in usage)
        return CheckResult(passed=cost <= self.value, message=f"${cost:.6f} of at most ${self.value:g}")


class MaxTurns(Assertion):
    """The user spoke at most `value` times, up to where the assertion stands."""

    type: Literal["max_turns"]
    value: int = Field(ge=1)
    """Turns."""

    examples = (AssertionExample("{type: max_turns, value: 2}", "{answers: [Hi, Bye]}", "{answers: [Hi, Well, Bye]}"),)

    @override
    def check(self, scope: Scope) -> CheckResult:
        turns = len(scope.turns)
        return CheckResult(passed=turns <= self.value, message=f"{turns} of at most {self.value} turns")


def _usage(scope: Scope, kind: str) -> Sequence[Mapping[str, Any]]:
    usage = [event for event in scope.events if event["type"] == "usage" and event.get("counted") is not False]
    if not usage:
        fix = f"use a target that reports usage (`usage` events), or leave `{kind}` out"
        raise InputError(Problem(message="the target reported no usage", fix=fix))
    return usage
