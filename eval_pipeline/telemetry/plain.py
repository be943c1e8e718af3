"""What targets and agents put into events as plain data, and what they raise as text."""

import math
from collections.abc import Mapping
from typing import Any

_DEEPEST = 60
"""Levels of nesting that are kept: what walks through values gives up some hundred further down."""
_INT64 = 2**63


def plain(value: Any) -> Any:
    """`value` itself if it is plain data, else a copy that is: mappings with text as keys, lists, text, numbers.

    What is none of these, numbers that JSON has not (infinities, more than 64 bits) and what is nested too deeply, such
    as a cycle, become text.
    """
    return _plain(value, 0)


def text_of(value: Any) -> str:
    """`str(value)`; the name of its type where that raises."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - whatever it is that cannot be said, it is said so
        return f"<{type(value).__name__}, whose text cannot be had: {type(error).__name__}>"


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else hex(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping | list | tuple) and depth < _DEEPEST:
        return _mapping(value, depth) if isinstance(value, Mapping) else _items(value, depth)
    return "…" if isinstance(value, Mapping | list | tuple) else text_of(value)


def _mapping(value: Mapping[Any, Any], depth: int) -> Any:
    made = {key if isinstance(key, str) else text_of(key): _plain(item, depth + 1) for key, item in value.items()}
    same = isinstance(value, dict) and len(made) == len(value)
    return value if same and all(made.get(key, made) is item for key, item in value.items()) else made


def _items(value: list[Any] | tuple[Any, ...], depth: int) -> Any:
    made = [_plain(item, depth + 1) for item in value]
    return value if all(map(_is, made, value)) else made


def _is(first: Any, second: Any) -> bool:
    return first is second
