"""What is kept of a field that is too long for a trace.

Belongs here: the cap and the form of a preview. Does not belong here: redaction, which comes after.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from eval_pipeline.tracing.jsonable import json_bytes

GRAFTED_FIELD_BYTES = 8 * 1024
"""Copied into every case's trace, so small; the shared trace has all of it."""
LIVE_FIELD_BYTES = 2 * 1024 * 1024
"""The platform takes frames of 20 MiB, in which up to 100 runs travel."""


def capped(value: Mapping[str, Any] | None, limit: int, *, origin_url: str | None = None) -> dict[str, Any] | None:
    """`value`, or of one whose JSON is longer than `limit` bytes a preview, its size and its digest."""
    if value is None:
        return None
    data = json_bytes(value)
    if len(data) <= limit:
        return dict(value)
    kept: dict[str, Any] = {
        "preview": data[:limit].decode("utf-8", "ignore"),
        "truncated": True,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    if origin_url is not None:
        kept["origin_url"] = origin_url
    return kept
