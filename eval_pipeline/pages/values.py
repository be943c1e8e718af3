"""Parts of an input or output that pages show in a form of their own: messages, and images that stand in the data."""

import re
from collections.abc import Mapping
from typing import Any

_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_ROLES = {"user": "user", "human": "user", "assistant": "agent", "ai": "agent", "model": "agent"}
_OTHER_TYPES = frozenset({"system", "tool"})


def image_source(value: Any) -> str | None:
    """The image that a value is, as a `data:` URL; None for any other. What has an address is never fetched."""
    if isinstance(value, str):
        return value if _IMAGE.fullmatch(value) else None
    if not isinstance(value, Mapping) or "image" not in str(value.get("type")):
        return None
    source = value.get("source")
    within: Mapping[str, Any] = source if isinstance(source, Mapping) else {}
    address = value.get("image_url", value.get("url"))
    address = address.get("url") if isinstance(address, Mapping) else address
    data = value.get("base64") or value.get("data") or within.get("data")
    if not isinstance(address, str) and isinstance(data, str):
        address = f"data:{value.get('mime_type') or within.get('media_type') or 'image/png'};base64,{data}"
    return address if isinstance(address, str) and _IMAGE.fullmatch(address) else None


def message_side(value: Any) -> str | None:
    """Whose a message is, `user`, `agent` or `other`; None for what is no message."""
    if not isinstance(value, Mapping) or "content" not in value:
        return None
    kind = value.get("type")
    role = value.get("role") or (kind if kind in _ROLES or kind in _OTHER_TYPES else None)
    return None if not isinstance(role, str) else _ROLES.get(role, "other")
