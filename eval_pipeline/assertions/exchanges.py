"""Tool calls paired with their results."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_ERROR = re.compile(r"\s*error\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A tool call and its result."""

    name: str
    args: Mapping[str, Any]
    content: str

    @property
    def failed(self) -> bool:
        """Whether the result is an error: tools begin it with that word."""
        return _ERROR.match(self.content) is not None


def exchanges(events: Iterable[Mapping[str, Any]]) -> Iterator[Exchange]:
    """The tool calls with results among `events`, in the order of the results.

    A result answers the latest call before it with its id, because recordings reuse ids; without an id, with its name.
    A call without a result, such as one that the end of a recording cut off, is left out.
    """
    calls: dict[Any, Mapping[str, Any]] = {}
    for event in events:
        if event["type"] == "tool_call":
            calls[event.get("id") or event["name"]] = event
        elif event["type"] == "tool_result":
            call = calls.get(event.get("id") or event.get("name"))
            if call is not None:
                yield Exchange(name=call["name"], args=call["args"], content=str(event.get("content") or ""))
