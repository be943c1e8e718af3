"""The outputs of a target: any JSON value, and the text that a person reads of it."""

import base64
import datetime as dt
import enum
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from typing import Any

import orjson

from eval_pipeline.content.inputs import input_form
from eval_pipeline.content.text import readable_text
from eval_pipeline.messages import answer_of, read_messages
from eval_pipeline.telemetry.plain import plain

_ANSWERS = ("response", "output", "answer", "text", "content", "result", "generation")
"""Keys of outputs whose text is the answer, the first that is there."""
MOST_STATE_BYTES = 4 * 1024 * 1024
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def jsonable(value: Any) -> Any:
    """What a target returned as a JSON value of its own, which nothing that the target does later can change.

    Pydantic models, dataclasses and LangChain's messages become mappings, sets and tuples lists, bytes base64; times,
    ids and decimal numbers become text, and so does an object that JSON has no form for. A number that is not finite is
    null.
    """
    if value is None or isinstance(value, str | bool):
        return value
    try:
        return orjson.loads(orjson.dumps(value, default=_default, option=_OPTIONS))
    except (TypeError, ValueError, RecursionError):
        return _slowly(value)


def bounded_state(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The state of a graph as JSON. Of one that is too large, the smaller keys, and how many bytes the others have."""
    if state is None:
        return None
    sized = {str(name): _sized(value) for name, value in state.items()}
    left = MOST_STATE_BYTES
    for name in sorted(sized, key=lambda name: sized[name][1]):
        value, size = sized[name]
        left -= size
        sized[name] = (value if left >= 0 else {"left_out_bytes": size}), size
    return {name: value for name, (value, _) in sized.items()}


def _sized(value: Any) -> tuple[Any, int]:
    try:
        data = orjson.dumps(value, default=_default, option=_OPTIONS)
        return orjson.loads(data), len(data)
    except (TypeError, ValueError, RecursionError):
        plain_value = _slowly(value)
        return plain_value, len(json.dumps(plain_value))


def outputs_text(outputs: Any) -> str:
    """The text that a person reads of a target's outputs.

    Text as it is; of messages, or of a mapping with `messages`, the last answer of an assistant; of a mapping, its
    `response`, `output`, `answer`, `text`, `content`, `result` or `generation`, the first that is text, or its only
    value; of anything else, its JSON.
    """
    if isinstance(outputs, str):
        return outputs
    if input_form(outputs) in ("message", "messages"):
        return _last_answer(outputs)
    if isinstance(outputs, Mapping):
        named = any(isinstance(outputs.get(key), str) for key in _ANSWERS)
        if not named and input_form(outputs.get("messages")) == "messages":
            return _last_answer(outputs["messages"])
    return readable_text(outputs, _ANSWERS)


def as_outputs(value: Any) -> dict[str, Any]:
    """A value as the outputs of a run or an example, which are a mapping: anything else is at `output`."""
    return dict(value) if isinstance(value, Mapping) else {"output": value}


def _last_answer(messages: Any) -> str:
    texts = (answer_of([message])[0] for message in reversed(read_messages(messages)))
    return next(filter(None, texts), "")


def _default(value: Any) -> Any:
    """The types that orjson does not support."""
    if hasattr(value, "model_dump") and not isinstance(value, type):
        # Of LangChain's own classes, whose many empty fields say nothing, only the fields that are set.
        return value.model_dump(exclude_none=hasattr(value, "lc_id"), warnings=False)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return list(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return str(value)


def _slowly(value: Any) -> Any:
    """As `jsonable`, for integers beyond 64 bits and lone surrogates; a cycle and a broken object become text."""
    try:
        return json.loads(json.dumps(value, default=_python_default), parse_constant=lambda _: None)
    except Exception:  # noqa: BLE001 - an object may raise anything
        return plain(value)


def _python_default(value: Any) -> Any:
    """The types that orjson supports and Python's encoder does not, besides those of `_default`."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value.value if isinstance(value, enum.Enum) else _default(value)
