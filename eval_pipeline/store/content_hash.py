"""Short hashes of plain values, by which things are named after their content."""

import hashlib
import json
from typing import Any


def digest(*parts: Any) -> str:
    """16 hex digits of the SHA-256 of `parts` as JSON with sorted keys."""
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
