"""The form in which texts are compared: what looks the same is the same, whatever characters it is made of."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphen, zero-width space, word joiner and byte order mark."""


def normal_text(text: str) -> str:
    """`text` in Unicode's form NFC, with a plain space for each other space, and without invisible separators."""
    if text.isascii():
        return text
    return _SPACES.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFC", text)))


def normal_value(value: Any) -> Any:
    """A JSON value with every text and key in it as `normal_text`."""
    if isinstance(value, str):
        return normal_text(value)
    if isinstance(value, Mapping):
        return {normal_value(key): normal_value(item) for key, item in value.items()}
    return [normal_value(item) for item in value] if isinstance(value, list | tuple) else value
