"""The text that a person reads of a JSON value."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


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
