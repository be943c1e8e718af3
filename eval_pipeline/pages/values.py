"""Forms of an input or output that pages show in their own way: images, LangChain's serialization, JSON in text."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

MAX_TEXT = 20_000
"""Characters of one text that a page shows."""

_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_FOLDED_BYTES = 360
"""Larger values within others are folded."""


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


def plain(value: Any) -> Any:
    """A value without the wrapping of LangChain's serialization.

    `{"lc": 1, "id": […, "HumanMessage"], "kwargs": …}` becomes `{"HumanMessage": …}`, without its empty fields.
    """
    if isinstance(value, Mapping):
        if value.get("lc") == 1 and isinstance(value.get("id"), list) and value["id"] and "kwargs" in value:
            kept = {key: plain(item) for key, item in value["kwargs"].items() if item not in (None, {}, [], "")}
            return {str(value["id"][-1]): kept}
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def parsed(value: Any) -> Any:
    """The mapping or list that a text is as JSON, as tools return it; any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") and len(value) <= MAX_TEXT:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def text(value: object) -> str:
    """A value as text, cut at `MAX_TEXT`: a string as it is, any other value as JSON."""
    full = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
    return full if len(full) <= MAX_TEXT else f"{full[:MAX_TEXT]}… ({len(full) - MAX_TEXT} characters more)"


def folds(value: object) -> bool:
    """Whether a mapping or list is so large that a page folds it."""
    return len(orjson.dumps(value, default=str)) > _FOLDED_BYTES


def outline(value: object) -> str:
    """One line that names what a folded value holds."""
    if isinstance(value, Mapping):
        names = ", ".join(map(str, list(value)[:6]))
        return f"{{{names}{', …' if len(value) > 6 else ''}}}"  # noqa: PLR2004 - as fits a line
    if isinstance(value, list):
        return f"[{len(value)} {'item' if len(value) == 1 else 'items'}]"
    return str(value)[:80]
