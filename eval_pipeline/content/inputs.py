"""The input of a turn: text, content blocks, a message, several messages, or a mapping of inputs.

An input is kept as it is written; this module alone decides which of the five forms it has.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from eval_pipeline.content.text import readable_text
from eval_pipeline.messages import ROLES, content_text, is_message, read_messages

InputForm = Literal["text", "blocks", "message", "messages", "mapping"]

_ASKED = ("input", "question", "query", "message", "prompt", "text", "user_input")
"""Keys of a mapping of inputs whose text is what the user asks, the first that is there."""
_SAYS = ("content", "parts", "tool_calls", "function_call", "data", "kwargs", "lc_kwargs")
_PAIR = 2


def input_form(value: Any) -> InputForm | None:
    """The form of a turn's input; None for a value that is no input, such as a number or a list of numbers."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "message" if _is_one_message(value) else "mapping"
    if not isinstance(value, Sequence) or not value:
        return None
    if all(map(_is_one_message, value)):
        return "messages"
    blocks = any(isinstance(item, Mapping) for item in value) and all(map(_is_block, value))
    return "blocks" if blocks else None


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
    if form in ("message", "messages"):
        texts = [(message.role, message.text) for message in read_messages(value)]
        of_user = [text for role, text in texts if role == "user"]
        return (of_user or [text for _, text in texts] or [""])[-1]
    if form == "mapping" and (messages := messages_of(value)):
        return input_text(messages)
    return readable_text(value, _ASKED)


def asked_text(value: Any) -> Any:
    """What the user asks in a mapping of inputs, where text is at one of those keys; any other input as it is."""
    if input_form(value) != "mapping":
        return value
    return next((value[key] for key in _ASKED if isinstance(value.get(key), str)), value)


def as_inputs(value: Any) -> dict[str, Any]:
    """A value as the inputs of a run or an example, which are a mapping: anything else is at `input`."""
    return dict(value) if isinstance(value, Mapping) else {"input": value}


def history_and_input(inputs: Any) -> tuple[list[Any], Any]:
    """The one turn that the inputs of an example stand for: what was said before it, and its input.

    `{messages: [..., a message of the user]}` is that last message after the others, also with further keys: its
    content, where it has nothing else; `{messages: ...}`, `{input: ...}` and `{question: ...}` alone are the value;
    else the inputs are it as a whole.
    """
    if not isinstance(inputs, Mapping):
        return [], inputs if input_form(inputs) is not None else as_inputs(inputs)
    messages = messages_of(inputs)
    if messages and is_of_user(messages[-1]):
        return messages[:-1], _content_alone(messages[-1])
    alone = messages or inputs.get("input", inputs.get("question"))
    return [], alone if len(inputs) == 1 and input_form(alone) is not None else inputs


def is_of_user(message: Any) -> bool:
    """Whether the user sent a message, in any form."""
    return all(read.role == "user" for read in read_messages([message]))


def _content_alone(message: Any) -> Any:
    """The content of a message of the user that has a role and content alone, in the form of OpenAI or LangChain."""
    if _is_pair(message):
        return message[1]
    alone = {*message} in ({"role", "content"}, {"type", "content"})
    return message["content"] if alone and input_form(message["content"]) in ("text", "blocks") else message


def messages_of(inputs: Mapping[str, Any]) -> list[Any]:
    """The messages at `messages`: a list, one message, or a batch with one list, as chat models take it; else `[]`."""
    messages = inputs.get("messages")
    if isinstance(messages, Mapping):
        messages = [messages]
    if not isinstance(messages, list):
        return []
    if len(messages) == 1 and isinstance(messages[0], list) and not _is_pair(messages[0]):
        messages = messages[0]
    return list(messages) if input_form(messages) == "messages" else []


def _is_one_message(value: Any) -> bool:
    """Whether it is a message with a sender and something that is said, in any form; a mapping may look alike."""
    if isinstance(value, Mapping):
        return any(key in value for key in _SAYS) and _has_sender(value) and is_message(value)
    return _is_pair(value)


def _has_sender(value: Mapping[str, Any]) -> bool:
    kind = str(value.get("type")).removesuffix("Chunk").removesuffix("Message").lower()
    return "role" in value or kind in {*ROLES, "chat", "constructor"} or "lc" in value or "lc_kwargs" in value


def _is_pair(value: Any) -> bool:
    """Whether it is LangChain's short form of a message, a role and its content."""
    return isinstance(value, list | tuple) and len(value) == _PAIR and isinstance(value[0], str) and value[0] in ROLES


def _is_block(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, Mapping) and isinstance(value.get("type"), str))
