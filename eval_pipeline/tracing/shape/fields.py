"""What is kept of a field that is too long for a trace."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from eval_pipeline.tracing.shape.jsonable import json_bytes

GRAFTED_FIELD_BYTES = 8 * 1024
"""Copied into every case's trace, so small; the shared trace has all of it."""
LIVE_FIELD_BYTES = 2 * 1024 * 1024
"""The platform takes frames of 20 MiB, in which many runs travel."""

Field = Mapping[str, Any] | orjson.Fragment
"""An object, or one that is JSON already and is not read to be written again."""
Redact = Callable[[bytes], bytes]
"""From JSON to the same JSON without what may not be shown."""


def as_it_is(data: bytes) -> bytes:
    """Take nothing out."""
    return data


def capped(value: Mapping[str, Any], limit: int, *, origin_url: str | None = None, redact: Redact = as_it_is) -> Field:
    """`value`, or of one whose JSON is longer than `limit` bytes a preview, its size and its digest.

    A preview is redacted before it is cut: half a secret is no longer known as one, nor is a key inside of text.
    """
    return capped_json(json_bytes(value), limit, origin_url=origin_url, redact=redact)


def capped_json(data: bytes, limit: int, *, origin_url: str | None = None, redact: Redact = as_it_is) -> Field:
    """As `capped`, of an object that is JSON already."""
    if len(data) <= limit:
        return orjson.Fragment(data)
    data = redact(data)
    kept: dict[str, Any] = {
        "preview": data[:limit].decode("utf-8", "ignore"),
        "truncated": True,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    if origin_url is not None:
        kept["origin_url"] = origin_url
    return kept
