"""Feedback configs."""

from typing import Any

from fastapi import APIRouter

from eval_pipeline.recorder.routes.requests import JsonObject, Limit, Offset, RecorderDep, Texts

router = APIRouter()


@router.get("/feedback-configs")
def list_configs(
    recorder: RecorderDep,
    key: Texts = None,
    name_contains: str | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
    *,
    sort_by_desc: bool = True,
    read_after_write: bool = False,  # noqa: ARG001 - there is one database
) -> list[dict[str, Any]]:
    """List feedback configs."""
    configs = recorder.feedback_configs.find(keys=key or (), name_contains=name_contains)
    return (configs if sort_by_desc else configs[::-1])[offset : offset + limit]


@router.post("/feedback-configs")
def create(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Create the config of a feedback key."""
    return recorder.feedback_configs.create(body)


@router.patch("/feedback-configs")
def update(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Change the config of a feedback key."""
    return recorder.feedback_configs.update(body)


@router.delete("/feedback-configs", status_code=204)
def delete(feedback_key: str, recorder: RecorderDep) -> None:
    """Delete the config of a feedback key."""
    recorder.feedback_configs.delete(feedback_key)
