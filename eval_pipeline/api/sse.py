"""Encode events as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Each event is one `data:` line of JSON. A comment is sent while there are no events, so that proxies keep the
connection open.
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
    """Encode `events`; an exception becomes an `error` event. A client that disconnects cancels the evaluation."""
    disconnected = asyncio.create_task(_disconnected(request))
    following = asyncio.create_task(_next(events))
    try:
        while True:
            done, _ = await asyncio.wait(
                {disconnected, following}, timeout=heartbeat_s, return_when=asyncio.FIRST_COMPLETED
            )
            if disconnected in done:
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
        for task in (disconnected, following):
            task.cancel()
        # Where the server cancels this task as well, the wait ends early and the two tasks end by themselves.
        await asyncio.wait({disconnected, following})
        await events.aclose()


async def _next(events: AsyncGenerator[Event, None]) -> Event | None:
    try:
        return await anext(events, None)
    except EvalPipelineError as error:
        return {"event": "error", "message": displayable(str(error))}
    except Exception as error:  # noqa: BLE001 - the client sees any error
        # The client gets the message, the server's log the traceback.
        _log.exception("the evaluation of a request failed")
        return {"event": "error", "message": displayable(f"{type(error).__name__}: {error}")}


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _data(event: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(event, default=str)}\n\n".encode()
