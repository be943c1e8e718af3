"""Tracing: frames, batches and single runs."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from eval_pipeline.langsmith.protocol.dotted_order import DottedOrderStep, format_step
from eval_pipeline.langsmith.protocol.error_responses import not_found
from eval_pipeline.langsmith.protocol.times import parse_time
from eval_pipeline.langsmith.protocol.wire import parse_multipart
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.frame import Frame, read_batch, read_parts, run_operation
from eval_pipeline.recorder.routes.requests import JsonObject, JsonValue, RecorderDep, read_body

router = APIRouter()


@router.post("/runs/multipart", status_code=202)
async def multipart(request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """Store a frame of runs, feedback and attachments."""
    body = await read_body(request)
    await run_in_threadpool(_receive_multipart, recorder, body, request.headers.get("content-type", ""))
    return {}


def _receive_multipart(recorder: Recorder, body: bytes, content_type: str) -> None:
    recorder.receive(read_parts(parse_multipart(body, content_type)))


@router.post("/runs/batch", status_code=202)
def batch(body: JsonValue, recorder: RecorderDep) -> dict[str, Any]:
    """Store the runs of `{"post": […], "patch": […]}`."""
    recorder.receive(read_batch(body))
    return {}


@router.post("/runs", status_code=202)
def create_run(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Create one run. Only this route accepts runs without `trace_id` and `dotted_order`, which its parent implies."""
    if body.get("id") is None:  # as the JavaScript client sends runs
        started = parse_time(body.get("start_time") or recorder.now())
        body = {**body, "id": str(_uuid7(started)), "start_time": started.isoformat()}
    recorder.receive(Frame(runs=[run_operation("post", _placed(body, recorder))]))
    return {}


@router.patch("/runs/{run_id}", status_code=202)
def update_run(run_id: UUID, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Update one run."""
    recorder.receive(Frame(runs=[run_operation("patch", {**body, "id": str(run_id)})]))
    return {}


@router.post("/runs/delete/traces", status_code=202)
def delete_traces(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Delete whole traces of a session (asynchronous on LangSmith, at once here)."""
    session_id = str(body.get("session_id"))
    recorder.sessions.get(session_id)
    recorder.runs.delete_traces(session_id, [str(trace_id) for trace_id in body.get("trace_ids") or []])
    return {}


def _uuid7(moment: datetime) -> UUID:
    """An id that holds its moment, as the SDK makes them."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62))


def _placed(run: dict[str, Any], recorder: Recorder) -> dict[str, Any]:
    """Add the trace and the order of a run that was sent without."""
    if run.get("trace_id") and run.get("dotted_order"):
        return run
    start, parent_id = run.get("start_time"), run.get("parent_run_id")
    if start is None or run.get("id") is None:
        return run
    own = format_step(DottedOrderStep(start_time=parse_time(start), run_id=str(run["id"])))
    if not parent_id:
        return {**run, "trace_id": run["id"], "dotted_order": own}
    parent = recorder.runs.get(str(parent_id))
    if not parent["dotted_order"]:
        raise not_found("Parent run")
    return {**run, "trace_id": parent["trace_id"], "dotted_order": f"{parent['dotted_order']}.{own}"}
