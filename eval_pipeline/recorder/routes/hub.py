"""The Prompt Hub. The owner in a path is ignored: there is one workspace, written `-`."""

from typing import Any

from fastapi import APIRouter

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, not_found
from eval_pipeline.recorder.routes.requests import JsonObject, Limit, Offset, RecorderDep

router = APIRouter()


@router.get("/repos")
def list_repos(
    recorder: RecorderDep, query: str | None = None, limit: Limit = 100, offset: Offset = 0
) -> dict[str, Any]:
    """List repositories."""
    return recorder.hub.find(query=query, limit=limit, offset=offset)


@router.post("/repos")
def create_repo(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Create a repository."""
    return {"repo": recorder.hub.create(body)}


@router.get("/repos/{owner}/{repo}")
def read_repo(owner: str, repo: str, recorder: RecorderDep) -> dict[str, Any]:  # noqa: ARG001
    """One repository."""
    return {"repo": recorder.hub.get(repo)}


@router.patch("/repos/{owner}/{repo}")
def update_repo(owner: str, repo: str, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:  # noqa: ARG001
    """Change a repository's description, readme, tags and visibility."""
    return {"repo": recorder.hub.update(repo, body)}


@router.delete("/repos/{owner}/{repo}")
def delete_repo(owner: str, repo: str, recorder: RecorderDep) -> dict[str, Any]:  # noqa: ARG001
    """Delete a repository."""
    recorder.hub.delete(repo)
    return {}


@router.get("/repos/{owner}/{repo}/tags")
def list_tags(owner: str, repo: str, recorder: RecorderDep) -> list[dict[str, Any]]:  # noqa: ARG001
    """Tags of a repository."""
    return recorder.hub.tags(repo)


@router.post("/repos/{owner}/{repo}/tags")
def create_tag(owner: str, repo: str, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:  # noqa: ARG001
    """Tag a commit."""
    if not body.get("tag_name") or not body.get("commit_id"):
        raise ErrorResponse(422, {"detail": "tag_name and commit_id are required"})
    return recorder.hub.tag(repo, str(body["tag_name"]), str(body["commit_id"]))


@router.patch("/repos/{owner}/{repo}/tags/{tag}")
def move_tag(owner: str, repo: str, tag: str, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:  # noqa: ARG001
    """Move a tag to another commit."""
    if not body.get("commit_id"):
        raise ErrorResponse(422, {"detail": "commit_id is required"})
    if tag not in {entry["tag_name"] for entry in recorder.hub.tags(repo)}:
        raise not_found(f"Tag {tag!r}")
    return recorder.hub.tag(repo, tag, str(body["commit_id"]))


@router.get("/commits/{owner}/{repo}")
def list_commits(
    owner: str,  # noqa: ARG001
    repo: str,
    recorder: RecorderDep,
    limit: Limit = 100,
    offset: Offset = 0,
) -> dict[str, Any]:
    """Commits, newest first."""
    return recorder.hub.commits(repo, limit=limit, offset=offset)


@router.post("/commits/{owner}/{repo}")
def create_commit(owner: str, repo: str, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:  # noqa: ARG001
    """Add a commit."""
    return {"commit": recorder.hub.commit(repo, body)}


@router.get("/commits/{owner}/{repo}/{reference}")
def read_commit(owner: str, repo: str, reference: str, recorder: RecorderDep) -> dict[str, Any]:  # noqa: ARG001
    """The commit of `latest`, a tag or a hash."""
    return recorder.hub.read(repo, reference)
