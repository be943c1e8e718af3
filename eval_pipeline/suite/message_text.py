"""The text of a chat message's content, which is a string or a list of parts."""

from collections.abc import Mapping, Sequence
from typing import Any


def content_text(content: Any) -> str:
    """The content of a message as text: a string as it is, or the text parts of a list joined."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        parts = [
            part if isinstance(part, str) else part.get("text", "")
            for part in content
            if isinstance(part, str | Mapping)
        ]
        return "".join(text for text in parts if isinstance(text, str))
    return str(content)
