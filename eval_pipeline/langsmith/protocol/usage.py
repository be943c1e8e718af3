"""Read token usage and cost from a run's fields.

LangSmith reads the first that is present (docs "log LLM calls", and the SDK): `extra.metadata.usage_metadata`,
`outputs.usage_metadata`, or `outputs.generations[][].message.kwargs.usage_metadata`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class RunUsage:
    """Token counts and cost in USD of one run. `None` means the run does not state the number; 0 is a stated zero."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_cost: float | None = None
    completion_cost: float | None = None
    total_cost: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    """`prompt_token_details`, `completion_token_details`, `prompt_cost_details`, `completion_cost_details`."""

    def metadata(self) -> dict[str, Any]:
        """The tokens in the form of LangChain's `usage_metadata`."""
        return {
            "input_tokens": self.prompt_tokens or 0,
            "output_tokens": self.completion_tokens or 0,
            "input_token_details": self.details.get("prompt_token_details"),
            "output_token_details": self.details.get("completion_token_details"),
        }


def usage_of(extra: object, outputs: object) -> RunUsage | None:
    """The usage of a run with these `extra` and `outputs` (parsed JSON); `None` if it states none."""
    stated = _usage_metadata(_get(extra, "metadata")) or _usage_metadata(outputs)
    if stated is not None:
        return _from_metadata(stated)
    parts = [_from_metadata(part) for part in _generations(outputs)]
    if not parts:
        return None
    return RunUsage(
        prompt_tokens=_sum(part.prompt_tokens for part in parts),
        completion_tokens=_sum(part.completion_tokens for part in parts),
        total_tokens=_sum(part.total_tokens for part in parts),
        total_cost=_add(part.total_cost for part in parts),
        details=parts[0].details if len(parts) == 1 else {},
    )


def _usage_metadata(holder: object) -> Mapping[str, Any] | None:
    stated = _get(holder, "usage_metadata")
    return stated if isinstance(stated, Mapping) and stated else None


def _generations(outputs: object) -> Iterator[Mapping[str, Any]]:
    groups = _get(outputs, "generations")
    for group in groups if isinstance(groups, list) else []:
        for generation in group if isinstance(group, list) else [group]:
            message = _get(generation, "message")
            stated = _usage_metadata(_get(message, "kwargs")) or _usage_metadata(message)
            if stated is not None:
                yield stated


def _from_metadata(stated: Mapping[str, Any]) -> RunUsage:
    prompt, completion = _count(stated.get("input_tokens")), _count(stated.get("output_tokens"))
    total = _count(stated.get("total_tokens"))
    prompt_cost, completion_cost = _money(stated.get("input_cost")), _money(stated.get("output_cost"))
    total_cost = _money(stated.get("total_cost"))
    details = {
        "prompt_token_details": stated.get("input_token_details"),
        "completion_token_details": stated.get("output_token_details"),
        "prompt_cost_details": stated.get("input_cost_details"),
        "completion_cost_details": stated.get("output_cost_details"),
    }
    return RunUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=_sum((prompt, completion)) if total is None else total,
        prompt_cost=prompt_cost,
        completion_cost=completion_cost,
        total_cost=_add((prompt_cost, completion_cost)) if total_cost is None else total_cost,
        details={name: value for name, value in details.items() if value},
    )


def _get(holder: object, key: str) -> Any:
    return holder.get(key) if isinstance(holder, Mapping) else None


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


def _money(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _sum(values: Any) -> int | None:
    numbers = [value for value in values if value is not None]
    return sum(numbers) if numbers else None


def _add(values: Any) -> float | None:
    numbers = [value for value in values if value is not None]
    return float(sum(numbers)) if numbers else None
