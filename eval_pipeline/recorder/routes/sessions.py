"""Sessions: projects and experiments."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from eval_pipeline.langsmith.protocol.error_responses import not_found
from eval_pipeline.langsmith.protocol.wire import parse_json
from eval_pipeline.recorder.routes.requests import JsonObject, Limit, Offset, RecorderDep, Texts
from eval_pipeline.recorder.store.selecting import sorted_by

router = APIRouter()

_SORTS = ("name", "start_time", "end_time")
_EVALUATORS = "evaluators"
"""The project that the SDK sends evaluator runs to."""


@router.post("/sessions")
def create(body: JsonObject, recorder: RecorderDep, *, upsert: bool = False) -> dict[str, Any]:
    """Create a project; 409 for a name that exists, unless `upsert`."""
    return recorder.sessions.create(body, upsert=upsert)


@router.get("/sessions")
def list_sessions(
    recorder: RecorderDep,
    identity: Annotated[list[str] | None, Query(alias="id")] = None,
    name: str | None = None,
    name_contains: str | None = None,
    reference_dataset: Texts = None,
    metadata: str | None = None,
    sort_by: str | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
    *,
    sort_by_desc: bool = True,
    reference_free: bool | None = None,
    include_stats: bool = False,
) -> list[dict[str, Any]]:
    """List projects."""
    sessions = recorder.sessions.find(
        ids=identity or (),
        name=name,
        name_contains=name_contains,
        reference_dataset_ids=reference_dataset or (),
        reference_free=reference_free,
        metadata=parse_json(metadata.encode()) if metadata else None,
        limit=limit if sort_by is None else -1,
        offset=offset if sort_by is None else 0,
    )
    if sort_by is not None:
        sessions = sorted_by(sessions, sort_by, descending=sort_by_desc, allowed=_SORTS)[offset : offset + limit]
    return [recorder.statistics.with_statistics(session) for session in sessions] if include_stats else sessions


@router.get("/sessions/resolutions")
def resolve(
    recorder: RecorderDep,
    kind: Literal["AGENT", "EXPERIMENT", "EVALUATOR"],
    identity: Annotated[str | None, Query(alias="id")] = None,
) -> dict[str, Any]:
    """Resolve an address to a session: an experiment by id, an agent by name, the evaluators' project."""
    if kind == "EVALUATOR":
        return {"session_id": recorder.sessions.get_or_create(_EVALUATORS)}
    sessions = recorder.sessions.find(ids=[identity or ""]) or recorder.sessions.find(name=identity or "")
    if not sessions:
        raise not_found("Session")
    return {"session_id": sessions[0]["id"]}


@router.get("/sessions/{session_id}")
def read(session_id: UUID, recorder: RecorderDep, *, include_stats: bool = False) -> dict[str, Any]:
    """One project."""
    session = recorder.sessions.get(str(session_id))
    return recorder.statistics.with_statistics(session) if include_stats else session


@router.patch("/sessions/{session_id}")
def update(session_id: UUID, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Change a project."""
    session = recorder.sessions.update(str(session_id), body)
    if body.get("end_time") is not None:  # an experiment has ended: its pages show statistics
        recorder.statistics.of_session(session["id"])
    return session


@router.delete("/sessions/{session_id}", status_code=202)
def delete(session_id: UUID, recorder: RecorderDep) -> dict[str, Any]:
    """Delete a project with its runs."""
    recorder.sessions.delete(str(session_id))
    return {}
