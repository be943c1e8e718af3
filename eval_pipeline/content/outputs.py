"""The outputs of a target: any JSON value, and the text that a person reads of it."""

import base64
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import orjson

from eval_pipeline.content.inputs import input_form, is_message, message_text, roles_of
from eval_pipeline.content.jsonable import plain
from eval_pipeline.content.message_text import readable_text

_ANSWERS = ("response", "output", "answer", "text", "content", "result", "generation")
"""Keys of outputs whose text is the answer, the first that is there."""
_AGENT = frozenset({"assistant", "ai", "AIMessage", "AIMessageChunk"})
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def jsonable(value: Any) -> Any:
    """What a target returned as a JSON value of its own, which nothing that the target does later can change.

    Pydantic models, dataclasses and LangChain's messages become mappings, sets and tuples lists, bytes base64; times,
    ids and decimal numbers become text, and so does an object that JSON has no form for.
    """
    if value is None or isinstance(value, str | bool):
        return value
    try:
        return orjson.loads(orjson.dumps(value, default=_default, option=_OPTIONS))
    except (TypeError, ValueError, RecursionError):
        return plain(value)  # an integer beyond 64 bits, a lone surrogate, a cycle


def outputs_text(outputs: Any) -> str:
    """The text that a person reads of a target's outputs.

    Text as it is; of messages, or of a mapping with `messages`, the last answer of an assistant; of a mapping, its
    `response`, `output`, `answer`, `text`, `content`, `result` or `generation`, the first that is text, or its only
    text; of anything else, its JSON.
    """
    if isinstance(outputs, str):
        return outputs
    if is_message(outputs):
        return message_text(outputs)
    if isinstance(outputs, Mapping):
        named = next((outputs[key] for key in _ANSWERS if isinstance(outputs.get(key), str)), None)
        if named is None and (answer := _last_answer(outputs.get("messages"))) is not None:
            return answer
        return readable_text(outputs, _ANSWERS)
    if isinstance(outputs, Sequence) and (answer := _last_answer(outputs)) is not None:
        return answer
    return readable_text(outputs, _ANSWERS)


def as_outputs(value: Any) -> dict[str, Any]:
    """A value as the outputs of a run or an example, which are a mapping: anything else is at `output`."""
    return dict(value) if isinstance(value, Mapping) else {"output": value}


def _last_answer(messages: Any) -> str | None:
    """The text of the last message of an assistant that has one; None where there are no messages."""
    if input_form(messages) != "messages":
        return None
    texts = [message_text(message) for message in messages if roles_of(message) & _AGENT]
    return next((text for text in reversed(texts) if text), "")


def _default(value: Any) -> Any:
    """The types that orjson does not support."""
    if hasattr(value, "model_dump"):
        # Of LangChain's own classes, whose many empty fields say nothing, only the fields that are set.
        return value.model_dump(exclude_none=hasattr(value, "lc_id"), warnings=False)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return list(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return str(value)
