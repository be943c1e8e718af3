"""The pages of threads: conversations of a project, whose traces name the same thread."""

from collections import defaultdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from eval_pipeline.langsmith.protocol.error_responses import not_found
from eval_pipeline.pages.conversation import conversation
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.filter_fields import FIELDS
from eval_pipeline.recorder.pages.addresses import AddressDep
from eval_pipeline.recorder.pages.case_pages import PAGE, answered, asked
from eval_pipeline.recorder.pages.rendering import pages_of, render
from eval_pipeline.recorder.routes.requests import RecorderDep
from eval_pipeline.recorder.store.runs import RunQuery

router = APIRouter(include_in_schema=False)

_MOST_ROOTS = 100_000


@router.get("/o/{tenant}/projects/p/{session_id}/threads")
def threads(
    session_id: UUID,
    recorder: RecorderDep,
    address: AddressDep,
    tenant: str = "",  # noqa: ARG001
    page: Annotated[int, Query(ge=1)] = 1,
) -> HTMLResponse:
    """The threads of a project, the latest first."""
    session = recorder.sessions.get(str(session_id))
    sought = address.get("q").strip().casefold()
    every = [_thread(name, turns) for name, turns in _threads(recorder, session["id"]).items()]
    matching = [one for one in every if sought in f"{one['id']} {one['asked']} {one['answered']}".casefold()]
    matching.sort(key=lambda one: one["last_us"], reverse=True)
    pager = pages_of(len(matching), PAGE, page)
    rows = matching[(pager["page"] - 1) * PAGE :][:PAGE]
    return render("threads.html", address=address, session=session, rows=rows, pager=pager)


@router.get("/o/{tenant}/projects/p/{session_id}/t/{thread_id:path}")
def thread(session_id: UUID, thread_id: str, recorder: RecorderDep, tenant: str = "") -> HTMLResponse:  # noqa: ARG001
    """A thread: its traces as one conversation."""
    session = recorder.sessions.get(str(session_id))
    turns = _threads(recorder, session["id"]).get(thread_id)
    if not turns:
        raise not_found(f"Thread {thread_id!r}")
    runs = [recorder.runs.get(run["id"]) for run in turns]
    shown = [{"run": run, "messages": conversation(run["inputs"], run["outputs"])} for run in runs]
    return render("thread.html", session=session, thread_id=thread_id, turns=shown, summary=_thread(thread_id, turns))


def _threads(recorder: Recorder, session_id: str) -> dict[str, list[dict[str, Any]]]:
    """The root runs of each thread, in the order of their starts."""
    query = RunQuery(session_ids=[session_id], is_root=True, newest_first=False, limit=_MOST_ROOTS, subtree_usage=False)
    by_thread: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in recorder.runs.query(query)[0]:
        name = next(iter(FIELDS["thread_id"].values(run)), None)
        if name is not None:
            by_thread[str(name)].append(run)
    return by_thread


def _thread(name: str, turns: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": name,
        "turns": len(turns),
        "asked": asked(turns[0]["inputs"]),
        "answered": answered(turns[-1]["outputs"]),
        "errors": sum(run["error"] is not None for run in turns),
        "first": turns[0]["start_time"],
        "last": turns[-1]["start_time"],
        "last_us": turns[-1]["start_us"] or 0,
    }
