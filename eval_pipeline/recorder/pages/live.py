"""Server-sent events of an experiment that is being recorded: how far it is, until it ends."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.routes.requests import RecorderDep

router = APIRouter(include_in_schema=False)

_LOOK_S = 0.5
_HEARTBEAT_LOOKS = 20
_MOST_LOOKS = 2 * 3600
"""A page that is left open for longer connects again."""


@router.get("/o/{tenant}/projects/p/{session_id}/live")
def live(session_id: UUID, recorder: RecorderDep, request: Request, tenant: str = "") -> StreamingResponse:  # noqa: ARG001
    """An event with the counts of runs whenever one changes, and `end` once the experiment has ended."""
    recorder.sessions.get(str(session_id))
    return StreamingResponse(
        _events(recorder, str(session_id), request),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _events(recorder: Recorder, session_id: str, request: Request) -> AsyncIterator[bytes]:
    last: dict[str, int] | None = None
    for look in range(_MOST_LOOKS):
        if await request.is_disconnected():
            return
        progress = await run_in_threadpool(recorder.case_table.progress, session_id)
        if progress != last:
            yield b"event: progress\ndata: " + orjson.dumps(progress) + b"\n\n"
            last = progress
        elif look % _HEARTBEAT_LOOKS == 0:
            yield b": heartbeat\n\n"
        session = await run_in_threadpool(recorder.sessions.get, session_id)
        if session["end_time"] is not None:
            yield b"event: end\ndata: {}\n\n"
            return
        await asyncio.sleep(_LOOK_S)
