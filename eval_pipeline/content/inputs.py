"""The input of a turn: text, content blocks, a message, several messages, or a mapping of inputs.

An input is kept as it is written; this module alone decides which of the five forms it has.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from eval_pipeline.content.message_text import content_text, readable_text

InputForm = Literal["text", "blocks", "message", "messages", "mapping"]

ROLES = frozenset({"system", "developer", "user", "human", "assistant", "ai", "tool", "function"})
"""The roles of messages, in the words of OpenAI, Anthropic and LangChain."""
_MESSAGE_KEYS = frozenset(
    {
        "role",
        "content",
        "id",
        "name",
        "type",
        "tool_calls",
        "tool_call_id",
        "function_call",
        "refusal",
        "audio",
        "annotations",
        "reasoning",
        "reasoning_content",
        "status",
        "artifact",
        "example",
        "additional_kwargs",
        "response_metadata",
        "usage_metadata",
        "invalid_tool_calls",
        "usage",
        "cache_control",
        "metadata",
    }
)
_LANGCHAIN_TYPES = frozenset({"human", "ai", "system", "tool", "function", "chat", "developer", "remove"})
_SPOKEN = ("input", "question", "query", "message", "prompt", "text", "user_input")
"""Keys of a mapping of inputs whose text is what the user asks, the first that is there."""


def input_form(value: Any) -> InputForm | None:
    """The form of a turn's input; None for a value that is no input, such as a number or a list of numbers."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "message" if is_message(value) else "mapping"
    if not isinstance(value, Sequence) or not value:
        return None
    if all(map(_is_message_or_pair, value)):
        return "messages"
    blocks = any(isinstance(item, Mapping) for item in value) and all(map(_is_block, value))
    return "blocks" if blocks else None


def is_message(value: Any) -> bool:
    """Whether a mapping is a message of a conversation, in the form of OpenAI, Anthropic, LangChain or its server."""
    if not isinstance(value, Mapping):
        return False
    if value.get("lc") == 1 and isinstance(value.get("kwargs"), Mapping):
        return "content" in value["kwargs"]
    if value.get("type") in _LANGCHAIN_TYPES and isinstance(value.get("data"), Mapping):
        return True
    named = value.get("role") in ROLES or ("content" in value and value.get("type") in _LANGCHAIN_TYPES)
    return named and {*value} <= _MESSAGE_KEYS


def input_messages(value: Any) -> list[Any]:
    """A turn's input as messages: those it has, as they are; anything else as the content of one message of the user.

    A mapping is shown as the text that is read of it, because no message holds a mapping.
    """
    form = input_form(value)
    if form == "messages":
        return list(value)
    if form == "message":
        return [value]
    return [{"role": "user", "content": value if form in ("text", "blocks") else input_text(value)}]


def input_text(value: Any) -> str:
    """The text that a person reads of a turn's input.

    Of content blocks, the texts among them; of messages, the last one's of the user; of a mapping, the last message's,
    its only value, what the user asks (`input`, `question`, `query`, `message`, `prompt`, `text`), or else its JSON.
    """
    form = input_form(value)
    if form == "text":
        return str(value)
    if form == "blocks":
        return content_text(value)
    if form == "message":
        return message_text(value)
    if form == "messages":
        return message_text(next(filter(is_of_user, reversed(value)), value[-1]))
    if form == "mapping" and (messages := messages_in(value)):
        return input_text(messages)
    return readable_text(value, _SPOKEN)


def message_text(message: Any) -> str:
    """The text of one message in any form that `is_message` accepts, or of a pair of role and content."""
    if isinstance(message, Mapping):
        inner = next((message[key] for key in ("kwargs", "data") if isinstance(message.get(key), Mapping)), message)
        return content_text(inner.get("content"))
    return content_text(message[1]) if _is_pair(message) else content_text(message)


def as_inputs(value: Any) -> dict[str, Any]:
    """A value as the inputs of a run or an example, which are a mapping: anything else is at `input`."""
    return dict(value) if isinstance(value, Mapping) else {"input": value}


def history_and_input(inputs: Any) -> tuple[list[Any], Any]:
    """The one turn that the inputs of an example stand for: what was said before it, and its input.

    `{messages: [..., a message of the user]}` is that last message after the others, also with further keys;
    `{messages: ...}`, `{input: ...}` and `{question: ...}` alone are the value; else the inputs are it as a whole.
    """
    if not isinstance(inputs, Mapping):
        return [], inputs if input_form(inputs) is not None else as_inputs(inputs)
    messages = messages_in(inputs)
    if messages and is_of_user(messages[-1]):
        return messages[:-1], messages[-1]
    alone = messages or inputs.get("input", inputs.get("question"))
    return [], alone if len(inputs) == 1 and input_form(alone) is not None else inputs


def messages_in(inputs: Mapping[str, Any]) -> list[Any]:
    """The messages at `messages`: a list, one message, or a batch with one list, as chat models take it; else `[]`."""
    messages = inputs.get("messages")
    if is_message(messages):
        return [messages]
    if not isinstance(messages, list):
        return []
    if len(messages) == 1 and isinstance(messages[0], list) and not _is_pair(messages[0]):
        messages = messages[0]
    return list(messages) if input_form(messages) == "messages" else []


def roles_of(message: Any) -> frozenset[str]:
    """What a message in any form calls its sender: its role, its type, and the name of LangChain's class."""
    if not isinstance(message, Mapping):
        return frozenset({str(message[0])})
    inner = next((message[key] for key in ("kwargs", "data") if isinstance(message.get(key), Mapping)), message)
    names = {str(part.get(key)) for part in (message, inner) for key in ("role", "type")}
    if isinstance(name := message.get("id"), list) and name:
        names.add(str(name[-1]))
    return frozenset(names)


def is_of_user(message: Any) -> bool:
    """Whether the user sent a message."""
    return bool(roles_of(message) & {"user", "human", "HumanMessage", "HumanMessageChunk"})


def _is_message_or_pair(value: Any) -> bool:
    return is_message(value) or _is_pair(value)


def _is_pair(value: Any) -> bool:
    """Whether it is LangChain's short form of a message, a role and its content."""
    return isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[0], str) and value[0] in ROLES  # noqa: PLR2004


def _is_block(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, Mapping) and isinstance(value.get("type"), str))
