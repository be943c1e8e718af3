"""JSON in answers: reading it, comparing it, and showing it in a message."""

import json
import textwrap
from typing import Any

from eval_pipeline.assertions.normal_form import normal_value

_FENCE = "```"


def parse_json(text: str) -> Any:
    """The JSON in `text`, bare or in a code fence.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return json.loads(_unfenced(text), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def same_json(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON is, at any depth, with their texts in normal form: true is not 1."""
    return _same(normal_value(one), normal_value(other))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def short(text: str) -> str:
    """`text` as a message shows it."""
    return repr(textwrap.shorten(text, 120, placeholder=" ..."))


def _unfenced(text: str) -> str:
    # No regular expression: on an answer that is a fence and thousands of line breaks it would search for hours.
    first, newline, rest = text.strip().partition("\n")
    body, fence, after = rest.rpartition(_FENCE)
    opened = first.rstrip() in (_FENCE, f"{_FENCE}json")
    closed = fence and not after and body.rstrip(" \t").endswith("\n")
    return body if newline and opened and closed else text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON's")
