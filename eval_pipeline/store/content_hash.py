"""Short content hashes, which name what is stored."""

import hashlib
import json
from typing import Any


def content_hash(content: str) -> str:
    """16 hex digits of the SHA-256 of text."""
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def digest(*parts: Any) -> str:
    """`content_hash` of plain values as JSON with sorted keys."""
    return content_hash(json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False))
