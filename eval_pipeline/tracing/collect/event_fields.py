"""Read the fields of a run from a telemetry event: model, tokens, cost, errors, text."""

from collections.abc import Collection, Mapping
from typing import Any

from eval_pipeline.langsmith.protocol.jsonable import json_bytes
from eval_pipeline.telemetry.event import Event


def is_answer(result: Event, call: Event) -> bool:
    """Whether a result belongs to a call: by id, or by name where either has none."""
    missing: Collection[Any] = (None, "")
    if result.get("id") in missing or call.get("id") in missing:
        return result.get("name") in (*missing, call["name"])
    return str(result["id"]) == str(call["id"])


def error_of(result: Event) -> str | None:
    """The error of a tool, if its result has one: `error`, `is_error`, or `status: error`."""
    error = result.get("error")
    if error in (None, False, "") and not result.get("is_error") and result.get("status") != "error":
        return None
    return as_text(error) if isinstance(error, str) else as_text(result.get("content"))


def tool_call_of(call: Event) -> dict[str, Any]:
    """A call in the form of a model's message."""
    return {"id": call.get("id"), "name": call["name"], "args": call["args"]}


def model_metadata(event: Event) -> dict[str, Any]:
    """The model in LangSmith's metadata keys, from `model` or `provider:model`."""
    name = event.get("model")
    if not name:
        return {}
    provider, colon, model = str(name).partition(":")
    names = {"ls_provider": provider, "ls_model_name": model} if colon else {"ls_model_name": str(name)}
    return {"ls_model_type": "chat", **names}


def usage_metadata(event: Event) -> dict[str, Any]:
    """Tokens as LangSmith counts them (`UsageMetadata` of its SDK)."""
    used = {name: int(event.get(name) or 0) for name in ("input_tokens", "output_tokens")}
    details = {"cache_read": event.get("cached_tokens"), "cache_creation": event.get("cache_write_tokens")}
    reasoning = event.get("reasoning_tokens")
    return {
        **used,
        "total_tokens": sum(used.values()),
        "input_token_details": {name: int(value) for name, value in details.items() if value},
        "output_token_details": {"reasoning": int(reasoning)} if reasoning else {},
        **({} if event.get("cost_usd") is None else {"total_cost": float(event["cost_usd"])}),
    }


def as_text(value: Any) -> str:
    """Text as it is, the only value of a mapping, anything else as JSON."""
    if isinstance(value, Mapping) and len(value) == 1:
        (value,) = value.values()
    return value if isinstance(value, str) else json_bytes(value).decode()
