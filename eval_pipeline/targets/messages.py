"""Reading replies from messages: OpenAI-style mappings and LangChain messages as an answer and its events."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage, convert_to_messages

from eval_pipeline.content.message_text import content_text
from eval_pipeline.targets.session import Reply
from eval_pipeline.telemetry.event import Event


def reply_of_messages(messages: Sequence[Any], *, ttft_s: float | None = None) -> Reply:
    """The reply that the messages after the user's last one make up, in either form."""
    if messages and all(isinstance(message, BaseMessage) for message in messages):
        return _langchain_reply([message for message in messages if isinstance(message, BaseMessage)], ttft_s)
    return openai_reply(messages)


def openai_reply(messages: Sequence[Mapping[str, Any]]) -> Reply:
    """The reply in OpenAI-style messages: `assistant` and `tool` roles, and the older `function_call`."""
    answers: list[tuple[Any, str]] = []
    events: list[Event] = []
    names: dict[str, str] = {}
    for message in messages:
        role = message.get("role")
        if role == "assistant":
            calls = list(_openai_calls(message))
            own: list[str] = []
            _keep_text(content_text(message.get("content")), own, events, calls=bool(calls))
            answers += [(message.get("name"), text) for text in own]
            for call in calls:
                names[str(call["id"])] = call["name"]
                events.append(call)
        elif role in ("tool", "function"):
            call_id = message.get("tool_call_id")
            name = message.get("name") or names.get(str(call_id))
            events.append(
                {"type": "tool_result", "name": name, "id": call_id, "content": content_text(message.get("content"))}
            )
        if isinstance(message.get("usage"), Mapping):
            events.append(_openai_usage(message["usage"]))
    return Reply(text=answer_text(answers), messages=messages, events=events)


def after_last_user(messages: Sequence[Any]) -> list[Any]:
    """The messages after the user's last one."""
    last = -1
    for index, message in enumerate(messages):
        role = message.type if isinstance(message, BaseMessage) else message.get("role")
        if role in ("human", "user"):
            last = index
    return list(messages[last + 1 :])


def as_langchain(messages: Sequence[Any]) -> list[BaseMessage]:
    """Messages of either form as LangChain messages."""
    return convert_to_messages(list(messages))


def _langchain_reply(messages: Sequence[BaseMessage], ttft_s: float | None) -> Reply:
    parts = [events_of_message(message) for message in messages]
    events = [event for _, of_message in parts for event in of_message]
    answer = answer_text([(message.name, text) for message, (text, _) in zip(messages, parts, strict=True)])
    # Content that is no text, such as an image, and calls are outputs of their own.
    whole = messages[-1] if len(messages) == 1 and not isinstance(messages[-1].content, str) else answer
    return Reply(text=answer, outputs=whole, messages=messages, events=events, ttft_s=ttft_s)


def answer_text(texts: Sequence[tuple[str | None, str]]) -> str:
    """What the agent that answers says: the texts at the end that are of one agent, each on a line of its own.

    Args:
        texts: by the agent's name, in order; what other agents said before is not part of the answer.
    """
    spoken = [(name, text) for name, text in texts if text]
    own = itertools.takewhile(lambda pair: pair[0] == spoken[-1][0], reversed(spoken))
    return "\n".join(reversed([text for _, text in own]))


def events_of_message(message: BaseMessage) -> tuple[str, list[Event]]:
    """The text of a LangChain message that the user sees, and its events."""
    answers: list[str] = []
    events: list[Event] = []
    if isinstance(message, AIMessage):
        _keep_text(content_text(message.content), answers, events, calls=bool(message.tool_calls))
        events += [
            {"type": "tool_call", "name": call["name"], "args": call["args"], "id": call["id"]}
            for call in message.tool_calls
        ]
        if message.usage_metadata is not None:
            events.append(_langchain_usage(message))
    elif isinstance(message, ToolMessage):
        content = content_text(message.content)
        events.append({"type": "tool_result", "name": message.name, "id": message.tool_call_id, "content": content})
    return "".join(answers), events


def _keep_text(text: str, answers: list[str], events: list[Event], *, calls: bool) -> None:
    """Keep text as the answer; beside tool calls, which the user never sees, as an event."""
    if text and calls:
        events.append({"type": "message", "content": text})
    elif text:
        answers.append(text)


def _langchain_usage(message: AIMessage) -> Event:
    usage = message.usage_metadata
    assert usage is not None
    return {
        "type": "usage",
        "input_tokens": usage["input_tokens"],
        "output_tokens": usage["output_tokens"],
        "cached_tokens": usage.get("input_token_details", {}).get("cache_read", 0),
        "cache_write_tokens": usage.get("input_token_details", {}).get("cache_creation", 0),
        "reasoning_tokens": usage.get("output_token_details", {}).get("reasoning", 0),
        "model": message.response_metadata.get("model_name"),
        "id": message.id,
    }


def _openai_usage(usage: Mapping[str, Any]) -> Event:
    return {
        "type": "usage",
        "input_tokens": usage.get("prompt_tokens", usage.get("input_tokens", 0)),
        "output_tokens": usage.get("completion_tokens", usage.get("output_tokens", 0)),
        "cached_tokens": (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0),
        "cost_usd": usage.get("cost"),
    }


def _openai_calls(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    calls = list(message.get("tool_calls") or [])
    if message.get("function_call"):
        calls.append({"id": None, "function": message["function_call"]})
    for call in calls:
        function = call.get("function") or {}
        yield {
            "type": "tool_call",
            "name": str(function.get("name")),
            "args": _arguments(function.get("arguments")),
            "id": call.get("id"),
        }


def _arguments(text: Any) -> dict[str, Any]:
    if isinstance(text, Mapping):
        return dict(text)
    try:
        arguments = json.loads(text or "{}")
    except (json.JSONDecodeError, TypeError):
        arguments = None
    # A model can write arguments that are not JSON; what it wrote is kept.
    return arguments if isinstance(arguments, dict) else {"unparsed": text}
