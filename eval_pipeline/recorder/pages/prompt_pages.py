"""The pages of prompts: all of them, one at a commit, the difference of two commits."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from eval_pipeline.pages.conversation import ShownMessage
from eval_pipeline.pages.diff import side_by_side
from eval_pipeline.pages.values import plain, text
from eval_pipeline.recorder.pages.addresses import AddressDep
from eval_pipeline.recorder.pages.rendering import render
from eval_pipeline.recorder.routes.requests import RecorderDep

router = APIRouter(include_in_schema=False)

_MAX_LISTED = 500
_SHORT_HASH = 8


@router.get("/prompts")
def prompts(recorder: RecorderDep, address: AddressDep) -> HTMLResponse:
    """All prompts, the last changed first."""
    repos = recorder.hub.find(query=address.get("q").strip() or None, limit=_MAX_LISTED)["repos"]
    rows = [{"repo": repo, "tags": recorder.hub.tags(repo["repo_handle"])} for repo in repos]
    return render("prompts.html", address=address, rows=rows, at="prompts")


@router.get("/prompts/{name}/diff")
def difference(name: str, recorder: RecorderDep, then: str, now: str = "latest") -> HTMLResponse:
    """The difference of two commits of a prompt, side by side."""
    commits = [recorder.hub.read(name, reference) for reference in (then, now)]
    texts = [prompt_text(commit["manifest"]) for commit in commits]
    left, right = side_by_side(*texts)
    return render(
        "prompt_diff.html",
        repo=recorder.hub.get(name),
        then=commits[0],
        now=commits[1],
        left=left,
        right=right,
        same=texts[0] == texts[1],
        at="prompts",
    )


@router.get("/prompts/{name}")
@router.get("/prompts/{name}/{commit}")
def prompt(name: str, recorder: RecorderDep, commit: str = "latest") -> HTMLResponse:
    """A prompt at a commit, its other commits, and the experiments that used it."""
    at = recorder.hub.read(name, commit)
    return render(
        "prompt.html",
        repo=recorder.hub.get(name),
        commit=at,
        messages=prompt_messages(at["manifest"]),
        commits=recorder.hub.commits(name)["commits"],
        tags=recorder.hub.tags(name),
        experiments=recorder.sessions.mentioning(at["commit_hash"][:_SHORT_HASH]),
        at="prompts",
    )


def prompt_messages(manifest: Any) -> list[ShownMessage]:
    """The message templates of a prompt; empty for one of another form."""
    kwargs = manifest.get("kwargs") if isinstance(manifest, dict) else None
    if not isinstance(kwargs, dict):
        return []
    if isinstance(kwargs.get("template"), str):
        return [ShownMessage(role="user", blocks=[kwargs["template"]])]
    shown = [_template(each) for each in kwargs.get("messages") or () if isinstance(each, dict)]
    return shown if all(message.blocks for message in shown) else []


def _template(value: dict[str, Any]) -> ShownMessage:
    kind = str((value.get("id") or [""])[-1]).removesuffix("PromptTemplate").removesuffix("Message").lower()
    kwargs = value.get("kwargs") or {}
    inner = kwargs.get("prompt")
    template = (inner.get("kwargs") or {}).get("template") if isinstance(inner, dict) else kwargs.get("content")
    if template is None and kwargs.get("variable_name"):
        template = f"{{{kwargs['variable_name']}}}"
    role = {"human": "user", "ai": "agent", "messages": "messages", "messagesplaceholder": "messages"}.get(kind, kind)
    return ShownMessage(role=role, blocks=[template] if template else [])


def prompt_text(manifest: Any) -> str:
    """A prompt as text, to compare: its templates by role, or its JSON."""
    messages = prompt_messages(manifest)
    return "\n\n".join(f"{each.role}:\n{each.text}" for each in messages) if messages else text(plain(manifest))
