"""Read a stream of events: server-sent events, or a JSON value a line."""

import json
from collections.abc import AsyncIterator
from typing import Any

_DONE = "[DONE]"


async def server_sent_events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """`{event, data, id}` of each event; `data` is parsed where it is JSON. OpenAI's `[DONE]` is no event."""
    event: dict[str, Any] = {}
    data: list[str] = []
    async for line in lines:
        if not line:
            if data and (text := "\n".join(data)) != _DONE:
                yield {"event": "message", **event, "data": parsed(text)}
            event, data = {}, []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name in ("event", "id"):
            event[name] = value
    if data and (text := "\n".join(data)) != _DONE:  # a server that closes without an empty line
        yield {"event": "message", **event, "data": parsed(text)}


async def json_lines(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """`{event, data}` of each line that is not empty."""
    async for line in lines:
        if line.strip():
            yield {"event": "message", "data": parsed(line)}


def parsed(text: str) -> Any:
    """The value of JSON, or else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
