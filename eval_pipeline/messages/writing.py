"""Write messages in the forms of OpenAI's chat API and of LangChain."""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage, messages_from_dict

from eval_pipeline.messages.message import Message
from eval_pipeline.messages.reading import read_messages
from eval_pipeline.telemetry.event import Event


def as_openai(message: Message) -> dict[str, Any]:
    """A message in the form of OpenAI's chat API; blocks of content stay the provider's."""
    if message.result is not None:
        result = message.result
        written: dict[str, Any] = {"role": "tool", "tool_call_id": result.id, "content": result.content}
        return written | ({"name": result.name} if result.name else {}) | ({"status": "error"} if result.failed else {})
    written = {"role": message.role, "content": _content(message)}
    if message.name:
        written["name"] = message.name
    if message.calls:
        written["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call.args)}}
            for call in message.calls
        ]
    if message.refusal:
        written["refusal"] = message.refusal
    if message.reasoning:
        written["reasoning_content"] = message.reasoning
    if message.usage is not None:
        written["usage"] = _usage(message.usage)
    return written


def as_langchain(messages: Sequence[Any]) -> list[BaseMessage]:
    """Messages of any form as LangChain's; those that are LangChain's already stay the same objects."""
    return [message for item in messages for message in _each_langchain(item)]


def _each_langchain(item: Any) -> Iterable[BaseMessage]:
    if isinstance(item, BaseMessage):
        return [item]
    if isinstance(item, Mapping) and "role" not in item and "type" in item and "content" in item:
        # LangChain's own fields, as its servers write them, with what only LangChain has.
        with contextlib.suppress(ValueError, TypeError):
            return messages_from_dict([{"type": item["type"], "data": dict(item)}])
    return map(_langchain, read_messages([item]))


def _langchain(message: Message) -> BaseMessage:
    if message.result is not None:
        result = message.result
        status = "error" if result.failed else "success"
        return ToolMessage(result.content, tool_call_id=result.id or "", name=result.name, status=status, id=message.id)
    content = message.content if isinstance(message.content, str | list) else message.text
    fields: dict[str, Any] = {"id": message.id, "name": message.name}
    if message.role == "user":
        return HumanMessage(content, **fields)
    if message.role == "system":
        return SystemMessage(content, **fields)
    more = {"refusal": message.refusal} if message.refusal else {}
    valid = [{"name": call.name, "args": dict(call.args), "id": call.id} for call in message.calls if call.valid]
    wrong = [call for call in message.calls if not call.valid]
    invalid = [{"name": call.name, "args": call.args.get("unparsed"), "id": call.id, "error": None} for call in wrong]
    usage = message.usage
    if usage is not None:
        read, written = int(usage["input_tokens"] or 0), int(usage["output_tokens"] or 0)
        fields["usage_metadata"] = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return AIMessage(content, tool_calls=valid, invalid_tool_calls=invalid, additional_kwargs=more, **fields)


def _usage(event: Event) -> dict[str, Any]:
    """The tokens of a `usage` event in the fields of OpenAI's chat API."""
    usage = {"prompt_tokens": event.get("input_tokens"), "completion_tokens": event.get("output_tokens")}
    if event.get("cached_tokens"):
        usage["prompt_tokens_details"] = {"cached_tokens": event["cached_tokens"]}
    if event.get("reasoning_tokens"):
        usage["completion_tokens_details"] = {"reasoning_tokens": event["reasoning_tokens"]}
    return usage | ({} if event.get("cost_usd") is None else {"cost": event["cost_usd"]})


def _content(message: Message) -> Any:
    """Text, or blocks where they hold more than text, calls and reasoning, such as images."""
    blocks = message.content if isinstance(message.content, list | tuple) else []
    media = [block for block in blocks if not isinstance(block, str) and _is_media(block)]
    return list(blocks) if media and message.role != "assistant" else message.text


def _is_media(block: Any) -> bool:
    return not ("text" in block or "refusal" in block)


def _arguments(args: Any) -> str:
    """JSON; what a model wrote that is no JSON, as it wrote it."""
    if set(args) == {"unparsed"} and isinstance(args["unparsed"], str):
        return str(args["unparsed"])
    return json.dumps(args, ensure_ascii=False, default=str)
