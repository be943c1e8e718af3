"""Events on the wire as server-sent events.

The format is that of https://html.spec.whatwg.org/multipage/server-sent-events.html. Each event is one `data:` line
of JSON. A comment comes when nothing happened for a while, so that nobody on the way takes the connection for dead.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request

from eval_pipeline.errors import EvalPipelineError
from eval_pipeline.evaluation.events import Event
from eval_pipeline.redaction.logs import displayable

HEARTBEAT_SECONDS = 10.0

_log = logging.getLogger(__name__)


async def server_sent(
    events: AsyncGenerator[Event, None], request: Request, *, heartbeat_s: float = HEARTBEAT_SECONDS
) -> AsyncIterator[bytes]:
    """`events` on the wire; what their work raises is an `error` event. A client that goes away cancels the work."""
    gone = asyncio.create_task(_gone(request))
    following = asyncio.create_task(_next(events))
    try:
        while True:
            done, _ = await asyncio.wait({gone, following}, timeout=heartbeat_s, return_when=asyncio.FIRST_COMPLETED)
            if gone in done:
                return
            if not done:
                yield b": heartbeat\n\n"
                continue
            event = following.result()
            if event is None:
                return
            yield _data(event)
            following = asyncio.create_task(_next(events))
    finally:
        for task in (gone, following):
            task.cancel()
        # Also where the server cancels this itself: waiting ends then, and the tasks end by themselves.
        await asyncio.wait({gone, following})
        await events.aclose()


async def _next(events: AsyncGenerator[Event, None]) -> Event | None:
    try:
        return await anext(events, None)
    except EvalPipelineError as error:
        return {"event": "error", "message": displayable(str(error))}
    except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
        # The page shows what went wrong; where is for the server's log.
        _log.exception("evaluating for a request broke")
        return {"event": "error", "message": displayable(f"{type(error).__name__}: {error}")}


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _data(event: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(event, default=str)}\n\n".encode()
