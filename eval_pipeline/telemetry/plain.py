"""Turn the values that targets put into events into plain data, and the exceptions they raise into text."""

import math
import operator
from collections.abc import Mapping
from typing import Any

_DEEPEST = 60
"""Levels of nesting that are kept; code that walks deeper values meets Python's recursion limit."""
_INT64 = 2**63


def plain(value: Any) -> Any:
    """`value` itself if it is plain data, else a copy that is: mappings with text as keys, lists, text, numbers.

    Other objects, numbers that JSON cannot hold (infinities, more than 64 bits) and values that are nested too deeply,
    such as a cycle, become text.
    """
    return _plain(value, 0)


def text_of(value: Any) -> str:
    """`str(value)`; the name of its type where that raises."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - an object's __str__ may raise anything
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
    copy = {key if isinstance(key, str) else text_of(key): _plain(item, depth + 1) for key, item in value.items()}
    unchanged = isinstance(value, dict) and len(copy) == len(value)
    unchanged = unchanged and all(copy.get(key, copy) is item for key, item in value.items())
    return value if unchanged else copy


def _items(value: list[Any] | tuple[Any, ...], depth: int) -> Any:
    copy = [_plain(item, depth + 1) for item in value]
    return value if all(map(operator.is_, copy, value)) else copy
