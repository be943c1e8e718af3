"""OpenAI's chat completions on the wire: whole answers, streamed ones, errors."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Answer = Callable[[Mapping[str, Any]], Any]
"""From the body of a request to the answer: text, a mapping (an assistant message, with `usage` if it matters), or an
HTTP status that fails."""

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 3,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 4},
}
"""Of answers that do not say."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer before it is written down."""

    message: Mapping[str, Any]
    usage: Mapping[str, Any]
    number: int
    model: str

    @classmethod
    def of(cls, answered: Any, *, number: int, model: str) -> "Said":
        """From what an `Answer` gave."""
        message: dict[str, Any] = {"content": answered} if isinstance(answered, str) else dict(answered)
        usage = message.pop("usage", USAGE)
        return cls(message={"role": "assistant", **message}, usage=usage, number=number, model=model)

    @property
    def _finish_reason(self) -> str:
        return "tool_calls" if self.message.get("tool_calls") else "stop"

    def completion(self) -> bytes:
        """The whole answer."""
        choice = {"index": 0, "message": self.message, "finish_reason": self._finish_reason}
        return json.dumps({**self._head("chat.completion"), "choices": [choice], "usage": self.usage}).encode()

    def events(self, *, with_usage: bool) -> Iterator[bytes]:
        """The answer as server-sent events: its beginning, its words, its tool calls, its end, what it used."""
        head = self._head("chat.completion.chunk")
        for delta in self._deltas():
            yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": self._finish_reason}]})
        if with_usage:
            yield _event({**head, "choices": [], "usage": self.usage})
        yield b"data: [DONE]\n\n"

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{self.number}", "object": kind, "created": 1, "model": self.model}

    def _deltas(self) -> Iterator[dict[str, Any]]:
        yield {"role": "assistant", "content": ""}
        text = self.message.get("content") or ""
        yield from ({"content": word} for word in text.splitlines(keepends=True) for word in _words(word))
        for index, call in enumerate(self.message.get("tool_calls") or ()):
            arguments = call["function"]["arguments"]
            half = len(arguments) // 2
            begin = {"name": call["function"]["name"], "arguments": arguments[:half]}
            yield {"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": begin}]}
            yield {"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]}


def tool_call(name: str, call_id: str = "call_1", /, **arguments: Any) -> dict[str, Any]:
    """A tool call as OpenAI writes it."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def error(message: str, *, code: str | None = None, kind: str = "invalid_request_error") -> bytes:
    """The body of a failure."""
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


def _words(line: str) -> Iterator[str]:
    parts = line.split(" ")
    yield from (f"{part} " for part in parts[:-1])
    yield parts[-1]


def _event(data: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
