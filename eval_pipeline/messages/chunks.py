"""Join the chunks in which providers stream messages: LangChain's, OpenAI's chat and responses APIs', Anthropic's."""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessageChunk, message_chunk_to_message

from eval_pipeline.messages.content import content_text
from eval_pipeline.messages.message import Message
from eval_pipeline.messages.reading import read_messages

_ANTHROPIC = frozenset(
    {
        "message_start",
        "message_delta",
        "message_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "ping",
    }
)
_PAIR = 2


class ChunkJoiner:
    """The messages of one stream, so far."""

    def __init__(self) -> None:
        self._langchain: dict[str | None, BaseMessageChunk] = {}
        self._last_id: str | None = None
        self._chat: dict[str, Any] = {}
        self._chat_calls: dict[int, dict[str, Any]] = {}
        self._items: list[Any] = []
        self._response: Mapping[str, Any] | None = None
        self._anthropic: list[dict[str, Any]] = []

    def take(self, item: Any) -> str | None:
        """Add a chunk. Returns the text that a person reads of it; None if `item` is no chunk."""
        if isinstance(item, tuple) and len(item) == _PAIR and isinstance(item[0], BaseMessageChunk):
            item = item[0]  # LangGraph streams messages with their metadata
        if isinstance(item, BaseMessageChunk):
            return self._take_langchain(item)
        data = _mapping_of(item)
        kind = data.get("type")
        if data.get("object") == "chat.completion.chunk":
            return self._take_chat(data)
        if isinstance(kind, str) and kind.startswith("response."):
            return self._take_responses(kind, data)
        if kind in _ANTHROPIC:
            return self._take_anthropic(str(kind), data)
        return None

    def messages(self) -> list[Message]:
        """The messages that the chunks make up."""
        joined: list[Any] = [message_chunk_to_message(chunk) for chunk in self._langchain.values()]
        if self._chat or self._chat_calls:
            calls = [self._chat_calls[index] for index in sorted(self._chat_calls)]
            joined.append({"role": "assistant", **self._chat, "tool_calls": calls})
        if self._response is not None:
            joined += read_messages({"object": "response", **self._response})
        else:
            joined += self._items
        return [
            message
            for item in [*joined, *self._anthropic]
            for message in ([item] if isinstance(item, Message) else read_messages([item]))
        ]

    def _take_langchain(self, chunk: BaseMessageChunk) -> str:
        # A chunk without an id, such as one with the usage at the end, belongs to the message before it.
        key = self._last_id if chunk.id is None else chunk.id
        if chunk.id is not None and self._last_id is None and None in self._langchain:
            key = None
        before = self._langchain.get(key)
        self._langchain[key] = chunk if before is None else before + chunk
        self._last_id = key
        return content_text(chunk.content) if chunk.type.startswith("AI") else ""

    def _take_chat(self, data: Mapping[str, Any]) -> str:
        if data.get("usage"):
            self._chat |= {"usage": data["usage"], "model": data.get("model")}
        choices = data.get("choices") or [{}]
        delta = choices[0].get("delta") or {}
        for name in ("content", "refusal", "reasoning_content"):
            if isinstance(delta.get(name), str):
                self._chat[name] = self._chat.get(name, "") + delta[name]
        for part in delta.get("tool_calls") or ():
            empty = {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
            call = self._chat_calls.setdefault(part.get("index") or 0, empty)
            call["id"] = part.get("id") or call["id"]
            for name in ("name", "arguments"):
                call["function"][name] += (part.get("function") or {}).get(name) or ""
        return str(delta.get("content") or delta.get("refusal") or "")

    def _take_responses(self, kind: str, data: Mapping[str, Any]) -> str:
        if kind in ("response.completed", "response.incomplete"):
            self._response = data.get("response") or {}
        elif kind == "response.output_item.done":
            self._items.append(data.get("item"))
        elif kind in ("response.output_text.delta", "response.refusal.delta"):
            return str(data.get("delta") or "")
        return ""

    def _take_anthropic(self, kind: str, data: Mapping[str, Any]) -> str:
        if kind == "message_start":
            message = dict(data.get("message") or {})
            self._anthropic.append({**message, "role": "assistant", "content": []})
        if not self._anthropic:
            return ""
        message = self._anthropic[-1]
        blocks: list[dict[str, Any]] = message["content"]
        if kind == "content_block_start":
            blocks.append(dict(data.get("content_block") or {}))
        elif kind == "message_delta" and isinstance(data.get("usage"), Mapping):
            message["usage"] = {**(message.get("usage") or {}), **data["usage"]}
        elif kind == "content_block_delta" and blocks:
            return _extend(blocks[-1], data.get("delta") or {})
        return ""


def _extend(block: dict[str, Any], delta: Mapping[str, Any]) -> str:
    """Add a delta of Anthropic's to its block; returns the text that a person reads of it."""
    for name in ("text", "thinking"):
        if isinstance(delta.get(name), str):
            block[name] = str(block.get(name) or "") + delta[name]
    if isinstance(delta.get("partial_json"), str):
        before = block.get("input")
        block["input"] = (before if isinstance(before, str) else "") + delta["partial_json"]
    return str(delta.get("text") or "")


def _mapping_of(item: Any) -> Mapping[str, Any]:
    """A chunk of a provider's SDK as the mapping that it stands for."""
    if isinstance(item, Mapping):
        return item
    kind = getattr(item, "type", None) or getattr(item, "object", None)
    dump = getattr(item, "model_dump", None)
    if isinstance(kind, str) and callable(dump) and not isinstance(item, type):
        dumped = dump(mode="json", warnings=False)
        return dumped if isinstance(dumped, Mapping) else {}
    return {}
