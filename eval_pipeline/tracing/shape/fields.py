"""Limit the size of a run's fields: a field that is too long becomes a preview."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from eval_pipeline.langsmith.protocol.jsonable import json_bytes

GRAFTED_FIELD_BYTES = 8 * 1024
"""Small, since it is copied into every case's trace; the shared trace has the whole field."""
LIVE_FIELD_BYTES = 2 * 1024 * 1024
"""The platform accepts frames of 20 MiB, in which many runs travel."""

Field = Mapping[str, Any] | orjson.Fragment
"""An object, or one that is JSON already and need not be parsed and written again."""
Redact = Callable[[bytes], bytes]
"""From JSON to the same JSON without secrets."""


def as_it_is(data: bytes) -> bytes:
    """Redact nothing."""
    return data


def capped(value: Mapping[str, Any], limit: int, *, origin_url: str | None = None, redact: Redact = as_it_is) -> Field:
    """`value`, or, if its JSON is longer than `limit` bytes, a preview with its size and digest.

    A preview is redacted before it is cut: half a secret is no longer recognized, nor is a key inside of text.
    """
    return capped_json(json_bytes(value), limit, origin_url=origin_url, redact=redact)


def capped_json(data: bytes, limit: int, *, origin_url: str | None = None, redact: Redact = as_it_is) -> Field:
    """As `capped`, for an object that is JSON already."""
    if len(data) <= limit:
        return orjson.Fragment(data)
    data = redact(data)
    preview: dict[str, Any] = {
        "preview": data[:limit].decode("utf-8", "ignore"),
        "truncated": True,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    if origin_url is not None:
        preview["origin_url"] = origin_url
    return preview
