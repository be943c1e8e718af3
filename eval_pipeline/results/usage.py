"""Tokens and money that model calls used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypedDict

_COUNTS = ("calls", "cached_calls", "input", "output", "cached", "cache_write", "reasoning")
EVENT_FIELDS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cached": "cached_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}
"""The fields of a `usage` event, by those of `TokenUsage`."""


@dataclass(frozen=True, kw_only=True)
class TokenUsage:
    """What some model calls used; also a column of a case's result."""

    calls: int = 0
    cached_calls: int = 0
    """Calls answered by the cache of model calls: they used nothing, and are in no other figure."""
    input: int = 0
    """Tokens, including those that the provider had cached or added to its cache."""
    output: int = 0
    """Tokens, including those of reasoning."""
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost_usd: float | None = None
    """None where the cost of any call is unknown; an unknown cost is not zero."""

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        costs = [each.cost_usd for each in (self, other) if each.calls or each.total or each.cost_usd is not None]
        priced = [cost for cost in costs if cost is not None]
        return TokenUsage(
            **{name: getattr(self, name) + getattr(other, name) for name in _COUNTS},
            cost_usd=sum(priced) if priced and len(priced) == len(costs) else None,
        )

    @property
    def negative(self) -> str:
        """The counts below zero, which no call can have, as text; empty if there are none."""
        return ", ".join(f"{name} {count}" for name in _COUNTS if (count := getattr(self, name)) < 0)

    @property
    def total(self) -> int:
        """All tokens, each counted once."""
        return self.input + self.output

    @classmethod
    def of_row(cls, row: Mapping[str, Any] | None) -> Self:
        """From a stored struct, which may lack fields."""
        counts = {name: (row or {}).get(name) or 0 for name in _COUNTS}
        return cls(**counts, cost_usd=(row or {}).get("cost_usd"))

    @classmethod
    def of_metadata(cls, usage: Mapping[str, Any]) -> Self:
        """From LangChain's `usage_metadata`."""
        read, written = usage.get("input_token_details") or {}, usage.get("output_token_details") or {}
        return cls(
            input=int(usage.get("input_tokens") or 0),
            output=int(usage.get("output_tokens") or 0),
            cached=int(read.get("cache_read") or 0),
            cache_write=int(read.get("cache_creation") or 0),
            reasoning=int(written.get("reasoning") or 0),
        )

    @classmethod
    def of_event(cls, event: Mapping[str, Any]) -> Self:
        """From a `usage` event of a target."""
        return cls(**{name: int(event.get(field) or 0) for name, field in EVENT_FIELDS.items()})


@dataclass(frozen=True, kw_only=True)
class AttemptUsage:
    """What an attempt used, by the role of the caller."""

    target: TokenUsage = TokenUsage()
    judge: TokenUsage = TokenUsage()
    user: TokenUsage = TokenUsage()
    """The simulated user."""


@dataclass(frozen=True, kw_only=True)
class CostShare:
    """What part of an attempt's usage one model has, or one tool."""

    kind: Literal["model", "tool"]
    role: str
    """Of the caller: `target`, `judge` or `user`."""
    name: str
    used: TokenUsage
    """Of a tool: of the model calls that requested it, in equal parts if they requested several; its `calls` are those
    of the tool."""


class ModelUsage(TypedDict):
    """Tokens that calls of one model used, as an assertion's result stores them."""

    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
