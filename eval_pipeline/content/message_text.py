"""The text that a person reads of a message's content, or of any JSON value."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def content_text(content: Any) -> str:
    """The content of a message as text: a string as it is, or the text parts of a list joined."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        parts = [
            part if isinstance(part, str) else part.get("text", "")
            for part in content
            if isinstance(part, str | Mapping)
        ]
        return "".join(text for text in parts if isinstance(text, str))
    return str(content)


def readable_text(value: Any, keys: Sequence[str]) -> str:
    """Text as it is; of a mapping, its only value, or the first of `keys` that is text or a number; else JSON.

    None is no text.
    """
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Mapping):
        if len(value) == 1:
            return readable_text(next(iter(value.values())), keys)
        for key in keys:
            if key in value and isinstance(value[key], str | int | float | None):
                return readable_text(value[key], keys)
    return json_text(value)


def json_text(value: Any) -> str:
    """A value as JSON on one line, as people read it."""
    return json.dumps(value, ensure_ascii=False, default=str)
