"""Share what model calls used among the tools that they requested."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eval_pipeline.results.usage import CostShare, TokenUsage


@dataclass(kw_only=True, eq=False)
class _ModelCall:
    used: TokenUsage
    tools: list[str] = field(default_factory=list)


@dataclass(kw_only=True, eq=False)
class _ToolCall:
    name: str
    requested_by: _ModelCall | None
    waits: bool = True


def tool_costs(events: Iterable[Mapping[str, Any]]) -> list[CostShare]:
    """What the model calls used that requested each tool, by name, from the events of an attempt's turns.

    A model call has requested the calls that are reported after its `usage` event, or before it without a result yet.
    """
    models: list[_ModelCall] = []
    calls: list[_ToolCall] = []
    for event in events:
        if event["type"] == "usage" and event.get("counted") is not False:
            cost = event.get("cost_usd")
            used = replace(TokenUsage.of_event(event), cost_usd=None if cost is None else float(cost))
            models.append(_ModelCall(used=used))
            for call in filter(_waits, calls):
                call.requested_by = models[-1]
        elif event["type"] == "tool_call":
            calls.append(_ToolCall(name=str(event["name"]), requested_by=models[-1] if models else None))
        elif event["type"] == "tool_result":
            for call in [each for each in calls if each.waits and event.get("name") in (None, each.name)][:1]:
                call.waits = False
    return _shared(calls)


def _shared(calls: Sequence[_ToolCall]) -> list[CostShare]:
    for call in calls:
        if call.requested_by is not None:
            call.requested_by.tools.append(call.name)
    sums: dict[str, TokenUsage] = {}
    for call in calls:
        share = TokenUsage(calls=1) if call.requested_by is None else _share(call.requested_by)
        sums[call.name] = sums[call.name] + share if call.name in sums else share
    return [CostShare(kind="tool", role="target", name=name, used=used) for name, used in sorted(sums.items())]


def _waits(call: _ToolCall) -> bool:
    return call.waits


def _share(model: _ModelCall) -> TokenUsage:
    """The part of one of the tools that a model call requested."""
    used, number = model.used, len(model.tools)
    return TokenUsage(
        calls=1,
        input=round(used.input / number),
        output=round(used.output / number),
        cached=round(used.cached / number),
        cache_write=round(used.cache_write / number),
        reasoning=round(used.reasoning / number),
        cost_usd=None if used.cost_usd is None else used.cost_usd / number,
    )
