"""Routes of LangSmith that a local recorder cannot serve, each of which says so: sharing, likes, feedback by token."""

from typing import Any

from fastapi import APIRouter

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, not_found

router = APIRouter()

_NO_PUBLIC = "the recorder has no public pages: send whom you share with a link of LangSmith, or an export"


@router.get("/runs/{identity}/share")
@router.get("/datasets/{identity}/share")
def shared_link(identity: str) -> dict[str, Any]:  # noqa: ARG001
    """The public link of a run or a dataset, of which there is none."""
    return {}


@router.put("/runs/{identity}/share")
@router.put("/datasets/{identity}/share")
def share(identity: str) -> None:  # noqa: ARG001
    """Refuse to share a run or a dataset."""
    raise ErrorResponse(400, {"detail": f"sharing is not implemented by the recorder: {_NO_PUBLIC}"})


@router.delete("/runs/{identity}/share")
@router.delete("/datasets/{identity}/share")
def unshare(identity: str) -> dict[str, Any]:  # noqa: ARG001
    """Nothing is shared."""
    return {}


@router.get("/public/{rest:path}")
@router.post("/public/{rest:path}")
def public(rest: str) -> None:  # noqa: ARG001
    """Refuse to read what is shared."""
    raise not_found(f"Nothing is shared here ({_NO_PUBLIC}); it")


@router.post("/likes/{rest:path}")
def like(rest: str) -> None:  # noqa: ARG001
    """Refuse to like a prompt."""
    raise ErrorResponse(400, {"detail": "likes are not implemented by the recorder, which has one user"})


@router.get("/feedback/tokens")
@router.post("/feedback/tokens")
def tokens() -> None:
    """Refuse to give out URLs that take feedback without a key."""
    detail = "feedback tokens are not implemented by the recorder: send feedback with POST /feedback"
    raise ErrorResponse(400, {"detail": detail})
