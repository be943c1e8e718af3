"""Read the tokens of one model call, as any provider writes them, as a `usage` event."""

from collections.abc import Mapping
from typing import Any

from eval_pipeline.telemetry.event import Event


def usage_event(usage: Mapping[str, Any], *, model: Any = None, message_id: Any = None) -> Event:
    """The tokens that OpenAI's APIs or Anthropic's report. `input_tokens` counts those from a cache, as LangChain's."""
    event = _anthropic(usage) if _CACHE_READ in usage or _CACHE_WRITE in usage else _openai(usage)
    if model:
        event["model"] = str(model)
    if message_id:
        event["id"] = str(message_id)
    return event


def langchain_usage_event(usage: Mapping[str, Any], *, model: Any, message_id: Any) -> Event:
    """The tokens in LangChain's `usage_metadata`."""
    of_input, of_output = usage.get("input_token_details") or {}, usage.get("output_token_details") or {}
    return {
        "type": "usage",
        "input_tokens": usage.get("input_tokens", 0),
        "output_tokens": usage.get("output_tokens", 0),
        "cached_tokens": of_input.get("cache_read", 0),
        "cache_write_tokens": of_input.get("cache_creation", 0),
        "reasoning_tokens": of_output.get("reasoning", 0),
        "model": model,
        "id": message_id,
    }


_CACHE_READ, _CACHE_WRITE = "cache_read_input_tokens", "cache_creation_input_tokens"


def _anthropic(usage: Mapping[str, Any]) -> dict[str, Any]:
    read, written = usage.get(_CACHE_READ) or 0, usage.get(_CACHE_WRITE) or 0
    return {
        "type": "usage",
        "input_tokens": (usage.get("input_tokens") or 0) + read + written,
        "output_tokens": usage.get("output_tokens") or 0,
        "cached_tokens": read,
        "cache_write_tokens": written,
    }


def _openai(usage: Mapping[str, Any]) -> dict[str, Any]:
    of_input = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    of_output = usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {}
    event = {
        "type": "usage",
        "input_tokens": usage.get("prompt_tokens", usage.get("input_tokens", 0)),
        "output_tokens": usage.get("completion_tokens", usage.get("output_tokens", 0)),
        "cached_tokens": of_input.get("cached_tokens") or 0,
        "cost_usd": usage.get("cost"),
    }
    if of_output.get("reasoning_tokens"):
        event["reasoning_tokens"] = of_output["reasoning_tokens"]
    return event
