"""Twelve shapes of examples: what LangSmith datasets hold."""

from typing import Any

_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
SHAPES: dict[str, tuple[Any, Any]] = {
    "one key": ({"question": "tea?"}, {"answer": "4.20"}),
    "two keys": ({"question": "tea?", "country": "DE"}, {"answer": "4.20"}),
    "no question": ({"topic": "tea", "max_words": 12}, {"title": "Tea", "tags": ["kids"]}),
    "nested": ({"order": {"lines": [{"sku": "T-1", "n": 2}], "vip": True}}, {"total": {"sum": 8.4, "currency": "EUR"}}),
    "message": ({"messages": [{"role": "user", "content": "tea?"}]}, {"messages": [{"role": "ai", "content": "4.20"}]}),
    "conversation": (
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "hello"},
                {"role": "user", "content": "tea?"},
            ]
        },
        {"answer": "4.20"},
    ),
    "image": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "what?"}, _IMAGE]}]},
        {"answer": "red"},
    ),
    "blocks": ({"content": [{"type": "text", "text": "what?"}, _IMAGE], "lang": "en"}, {"answer": "red"}),
    "values": ({"n": 1.5, "big": 2**53, "text": "Grüße ☕", "none": None, "empty": []}, {"answer": ""}),
    "no reference": ({"question": "tea?"}, None),
    "list": ({"question": "tea?"}, {"answer": ["4.20", "4,20"], "documents": [{"id": 1}]}),
    "text": ({"input": "tea?"}, {"output": "4.20"}),
}
"""Inputs and reference outputs by name."""
ATTACHMENTS = {
    "one key": {"menu": ("text/plain", b"tea 4.20")},
    "nested": {"a": ("text/csv", b"1"), "b": ("text/csv", b"2")},
}
"""The files of some of them, each with its media type."""
