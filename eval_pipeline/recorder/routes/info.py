"""The server's profile and health, attachments, and the route that switches faults on."""

from dataclasses import fields
from typing import Any

from fastapi import APIRouter, Response

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, not_found, unprocessable
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.routes.requests import JsonObject, RecorderDep

router = APIRouter()

_FAULT_FIELDS = frozenset(field.name for field in fields(Fault))


@router.get("/info")
def info(recorder: RecorderDep) -> dict[str, Any]:
    """The profile of this recorder, and whose it is."""
    whose = {"instance_id": recorder.database.instance_id, "of_home": recorder.config.of_home}
    return {**recorder.config.info(), "recorder": whose}


@router.get("/info/health")
@router.get("/ok")
def health() -> dict[str, Any]:
    """Whether the server is healthy."""
    return {"ok": True, "clickhouse_disk_free_pct": 100.0}


@router.get("/settings")
def settings() -> dict[str, Any]:
    """The workspace."""
    return {
        "id": TENANT_ID,
        "display_name": "recorder",
        "created_at": "2026-01-01T00:00:00+00:00",
        "tenant_handle": "recorder",
    }


@router.get("/attachments/{owner_id}/{name}")
def attachment(owner_id: str, name: str, recorder: RecorderDep) -> Response:
    """A file of a run or example, always as a download, because the traced program wrote it."""
    content_type, data = recorder.runs.attachment(owner_id, name)
    return Response(data, media_type=content_type, headers={"content-disposition": "attachment"})


@router.post("/recorder/faults", status_code=202)
def plan_fault(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Switch a fault on from another process; `{"clear": true}` switches all off. 404 unless configured."""
    if not recorder.config.fault_route:
        raise not_found("Route")
    if body.pop("clear", False):
        recorder.faults.clear()
    if unknown := sorted(body.keys() - _FAULT_FIELDS):
        raise unprocessable(f"unknown fields {unknown}")
    if body:
        try:
            recorder.faults.add(Fault(**body))
        except TypeError as error:
            raise ErrorResponse(422, {"detail": str(error)}) from error
    return {}
