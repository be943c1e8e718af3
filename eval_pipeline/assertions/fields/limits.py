"""Assertions on what the target took: time, tokens, money, turns."""

from typing import Literal

from pydantic import Field

from eval_pipeline.assertions.fields.base import BaseAssertion


class MaxLatency(BaseAssertion):
    """The target took at most `value` seconds, for the turn or for all of them; judges are not in it."""

    type: Literal["max_latency"]
    value: float = Field(gt=0)


class MaxTokens(BaseAssertion):
    """The target's model calls used at most `value` tokens, input and output together."""

    type: Literal["max_tokens"]
    value: int = Field(ge=0)


class MaxCost(BaseAssertion):
    """The target's model calls cost at most `value` US dollars; with a cost unknown, it breaks."""

    type: Literal["max_cost"]
    value: float = Field(ge=0)


class MaxTurns(BaseAssertion):
    """The user spoke at most `value` times, up to where the assertion stands."""

    type: Literal["max_turns"]
    value: int = Field(ge=1)
