"""An event: one thing that happens while a target answers, such as a tool call."""

import math
from collections.abc import Mapping
from typing import Any

from eval_pipeline.telemetry.plain import text_of

Event = Mapping[str, Any]
"""`{"type": …}` and, by type: `tool_call{name, args, id}`, `tool_result{name, content, id, error}`,
`retrieval{name, args, content}`, the documents that a retriever returned, `handoff{from, to}`,
`usage{input_tokens, output_tokens, cached_tokens, cost_usd, model, messages}`, `message{content}`,
`reasoning{content}`, `interrupt{content, answer}`, `error{content}`, `prompt_rendered{prompt_ns, prompt_key,
prompt_name, adapter, rendered_prompt, descriptor}`; and `token{content}`, a piece of the answer, which is streamed and
never stored. `usage` and `tool_result` may have `latency_s`, the seconds that the call took."""

_NEEDED = {"tool_call": ("name", "args"), "tool_result": ("name", "content")}
_COUNTS = ("input_tokens", "output_tokens", "cached_tokens")
_AMOUNTS = ("cost_usd", "latency_s")
_MOST = 2**53
"""Beyond it sums are no longer exact, and soon leave the 64 bits they are stored in."""
_LONGEST_SHOWN = 300


def unreadable(event: Any) -> str | None:
    """Why assertions, sums and traces cannot read the event; None if they can."""
    if not isinstance(event, Mapping) or not isinstance(event.get("type"), str):
        return f"the event {_shown(event)} has no `type`"
    missing = [name for name in _NEEDED.get(event["type"], ()) if name not in event]
    if event["type"] == "tool_call" and not missing:
        kinds = {"name": str, "args": Mapping}
        missing = [name for name, kind in kinds.items() if not isinstance(event[name], kind)]
    unusable = [] if isinstance(event.get("id"), str | int | None) else ["id"]
    unusable += [name for name in _COUNTS if not _is_amount(event.get(name), whole=True)]
    unusable += [name for name in _AMOUNTS if not _is_amount(event.get(name))]
    if missing or unusable:
        return f"the {event['type']} event {_shown(event)} lacks a usable {', '.join(missing + unusable)}"
    return None


def _shown(event: Any) -> str:
    text = text_of(event)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _is_amount(value: Any, *, whole: bool = False) -> bool:
    if value is None:
        return True
    usable = isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= _MOST
    return usable and (not whole or value == int(value))
