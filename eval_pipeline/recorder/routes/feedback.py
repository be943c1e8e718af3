"""Feedback."""

from typing import Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.frame import Frame
from eval_pipeline.recorder.routes.requests import JsonObject, Limit, Offset, RecorderDep, Texts

router = APIRouter()


@router.post("/feedback")
def create(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Create feedback on a run or, with a `session_id` alone, on a whole experiment."""
    if not body.get("run_id"):
        if not body.get("session_id"):
            raise ErrorResponse(422, {"detail": "run_id or session_id is required"})
        recorder.sessions.get(str(body["session_id"]))
    body = {**body, "id": str(body.get("id") or uuid4())}
    if body.get("feedback_config") is not None and not recorder.feedback_configs.find(keys=[str(body.get("key"))]):
        recorder.feedback_configs.create({"feedback_key": body.get("key"), "feedback_config": body["feedback_config"]})
    recorder.receive(Frame(feedback=[body]))
    return recorder.feedback.get(body["id"])


@router.get("/feedback")
def list_feedback(
    recorder: RecorderDep,
    run: Texts = None,
    key: Texts = None,
    session: Texts = None,
    source: Texts = None,
    level: Literal["run", "session"] | None = None,
    min_created_at: str | None = None,
    max_created_at: str | None = None,
    comparative_experiment_id: UUID | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
    *,
    has_comment: bool | None = None,
    has_score: bool | None = None,
) -> list[dict[str, Any]]:
    """List feedback."""
    return recorder.feedback.find(
        run_ids=run or (),
        keys=key or (),
        session_ids=session or (),
        sources=source or (),
        has_comment=has_comment,
        has_score=has_score,
        level=level,
        created_from=min_created_at,
        created_to=max_created_at,
        comparison_id=str(comparative_experiment_id) if comparative_experiment_id else None,
        limit=limit,
        offset=offset,
    )


@router.get("/feedback/{feedback_id}")
def read(feedback_id: UUID, recorder: RecorderDep) -> dict[str, Any]:
    """One feedback."""
    return recorder.feedback.get(str(feedback_id))


@router.patch("/feedback/{feedback_id}")
def update(feedback_id: UUID, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Change a feedback."""
    return recorder.feedback.update(str(feedback_id), body)


@router.delete("/feedback/{feedback_id}")
def delete(feedback_id: UUID, recorder: RecorderDep) -> dict[str, Any]:
    """Delete a feedback."""
    recorder.feedback.delete(str(feedback_id))
    return {}
