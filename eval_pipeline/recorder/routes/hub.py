"""The Prompt Hub. The owner in a path is ignored: there is one workspace, written `-`."""

from typing import Any, Literal

from fastapi import APIRouter

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, not_found
from eval_pipeline.recorder.routes.requests import JsonObject, Limit, Offset, RecorderDep, Texts
from eval_pipeline.recorder.store.selecting import sorted_by

router = APIRouter()

_SORTS = ("updated_at", "created_at", "repo_handle", "num_likes", "num_downloads", "num_views", "num_commits")


@router.get("/repos")
def list_repos(
    recorder: RecorderDep,
    query: str | None = None,
    tags: Texts = None,
    repo_type: str | None = None,
    sort_field: str | None = None,
    sort_direction: Literal["asc", "desc"] = "desc",
    limit: Limit = 100,
    offset: Offset = 0,
    *,
    match_prefix: bool = False,
    is_public: bool | None = None,
    is_archived: Literal["true", "false", "allow"] | None = None,
    has_commits: bool | None = None,
) -> dict[str, Any]:
    """List repositories."""
    repos = [
        repo
        for repo in recorder.hub.find(query=query, limit=-1)["repos"]
        if (not match_prefix or repo["repo_handle"].lower().startswith((query or "").lower()))
        and (is_public is None or repo["is_public"] == is_public)
        and (is_archived in (None, "allow") or repo["is_archived"] == (is_archived == "true"))
        and (has_commits is None or (repo["num_commits"] > 0) == has_commits)
        and (repo_type is None or repo["repo_type"] == repo_type)
        and set(tags or ()) <= set(repo["tags"] or ())
    ]
    repos = sorted_by(repos, sort_field, descending=sort_direction == "desc", allowed=_SORTS)
    return {"repos": repos[offset : offset + limit], "total": len(repos)}


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


@router.delete("/repos/{owner}/{repo}/tags/{tag}")
def delete_tag(owner: str, repo: str, tag: str, recorder: RecorderDep) -> dict[str, Any]:  # noqa: ARG001
    """Delete a tag; its commit stays."""
    recorder.hub.delete_tag(repo, tag)
    return {}


@router.get("/commits/{owner}/{repo}")
def list_commits(
    owner: str,  # noqa: ARG001
    repo: str,
    recorder: RecorderDep,
    limit: Limit = 100,
    offset: Offset = 0,
    *,
    include_model: bool | None = None,  # noqa: ARG001 - commits are listed without their manifests
) -> dict[str, Any]:
    """Commits, newest first."""
    return recorder.hub.commits(repo, limit=limit, offset=offset)


@router.post("/commits/{owner}/{repo}")
def create_commit(owner: str, repo: str, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:  # noqa: ARG001
    """Add a commit."""
    return {"commit": recorder.hub.commit(repo, body)}


@router.get("/commits/{owner}/{repo}/{reference}")
def read_commit(
    owner: str,  # noqa: ARG001
    repo: str,
    reference: str,
    recorder: RecorderDep,
    *,
    include_model: bool | None = None,
) -> dict[str, Any]:
    """The commit of `latest`, a hash or a tag; without `include_model`, of a prompt with a model the prompt alone."""
    commit = recorder.hub.read(repo, reference)
    return commit if include_model else {**commit, "manifest": _prompt_alone(commit["manifest"])}


def _prompt_alone(manifest: Any) -> Any:
    """The prompt of a manifest that is a prompt followed by a model."""
    kind = manifest.get("id") if isinstance(manifest, dict) else None
    if isinstance(kind, list) and kind[-1:] in (["RunnableSequence"], ["PromptPlayground"]):
        return (manifest.get("kwargs") or {}).get("first") or manifest
    return manifest
