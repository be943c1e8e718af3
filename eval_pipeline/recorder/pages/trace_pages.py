"""The page of a trace: the tree of its runs on a timeline, with their inputs, outputs and feedback."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, not_found
from eval_pipeline.pages.conversation import conversation
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.filter_fields import FIELDS
from eval_pipeline.recorder.pages.addresses import AddressDep
from eval_pipeline.recorder.pages.forms import reviewer_of
from eval_pipeline.recorder.pages.rendering import pages_of, render
from eval_pipeline.recorder.routes.requests import RecorderDep

router = APIRouter(include_in_schema=False)

_PAGE = 400
_MAX_LISTED = 500
_HIDDEN_METADATA = frozenset({"usage_metadata", "runtime"})


@router.get("/o/{tenant}/projects/p/{session_id}/r/{run_id}")
def trace(
    session_id: UUID,
    run_id: UUID,
    recorder: RecorderDep,
    address: AddressDep,
    request: Request,
    tenant: str = "",  # noqa: ARG001
    page: Annotated[int, Query(ge=1)] = 1,
    expand: str = "",
) -> HTMLResponse:
    """The trace of a run, with that run expanded; `expand=all` expands every run."""
    selected = recorder.runs.get(str(run_id), subtree_usage=False)
    if selected["session_id"] != str(session_id):
        raise not_found("Run")
    totals = recorder.statistics.of_traces([selected["trace_id"]])[selected["trace_id"]]
    pager = pages_of(totals["run_count"], _PAGE, page)
    runs = recorder.runs.of_trace(selected["trace_id"], limit=_PAGE, offset=(pager["page"] - 1) * _PAGE)
    feedback = recorder.feedback.of_runs([run["id"] for run in runs])
    spans = [_span(recorder, run, totals, feedback.get(run["id"], [])) for run in runs]
    for span in spans:
        span["open"] = expand == "all" or span["run"]["id"] == selected["id"] or span["run"]["error"] is not None
    session = recorder.sessions.get(selected["session_id"])
    return render(
        "trace.html",
        address=address,
        session=session,
        title=_title(runs[0] if runs else selected),
        selected=selected,
        totals=totals,
        duration_s=_seconds(totals["start_us"], totals["end_us"]),
        spans=spans,
        shared=sum(span["run"]["replayed"] for span in spans),
        thread_id=next(iter(FIELDS["thread_id"].values(runs[0] if runs else selected)), None),
        expand=expand,
        pager=pager,
        queues=recorder.queues.find(limit=_MAX_LISTED),
        datasets=recorder.datasets.find(limit=_MAX_LISTED),
        in_queues=recorder.queues.of_run(selected["id"]),
        keys=recorder.case_table.feedback_keys([selected["session_id"]]),
        reviewer=reviewer_of(request),
    )


def _title(run: dict[str, Any]) -> str:
    case_id = ((run["extra"] or {}).get("metadata") or {}).get("case_id")
    return f"{run['name']} · {case_id}" if case_id and case_id != run["name"] else str(run["name"])


def _span(
    recorder: Recorder, run: dict[str, Any], totals: dict[str, Any], feedback: list[dict[str, Any]]
) -> dict[str, Any]:
    """A run with its position on the timeline, in percent of the trace's duration."""
    start, end = totals["start_us"] or 0, totals["end_us"] or totals["start_us"] or 0
    length = max(1, end - start)
    left = 100 * ((run["start_us"] or start) - start) / length
    right = 100 * ((run["end_us"] or end) - start) / length
    metadata = (run["extra"] or {}).get("metadata") or {}
    return {
        "run": run,
        "depth": len(run["parent_run_ids"]),
        # A run of no duration must still be visible.
        "left": min(left, 99.2),
        "width": max(right - left, 0.8),
        "latency_s": _seconds(run["start_us"], run["end_us"]),
        "metadata": {key: value for key, value in metadata.items() if key not in _HIDDEN_METADATA},
        "feedback": feedback,
        "messages": conversation(run["inputs"], run["outputs"]),
        "origin": _origin(recorder, metadata) if run["replayed"] else None,
    }


def _origin(recorder: Recorder, metadata: dict[str, Any]) -> dict[str, Any]:
    """The run that a shared one is a copy of: its true duration and tokens, and where it is."""
    usage = metadata.get("origin_usage")
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
    seconds, link = metadata.get("origin_duration_s"), metadata.get("origin_url")
    link = link if isinstance(link, str) and link.startswith(("http://", "https://")) else None
    try:
        # Also where the recorder has another port than when this was recorded.
        origin = recorder.runs.get(str(metadata.get("origin_run_id")), subtree_usage=True)
        link = f"/o/{TENANT_ID}/projects/p/{origin['session_id']}/r/{origin['id']}"
        tokens = origin["total_tokens"] if tokens is None else tokens
        seconds = _seconds(origin["start_us"], origin["end_us"]) if seconds is None else seconds
    except ErrorResponse:
        pass  # it is on another server, or deleted
    return {"link": link, "seconds": seconds if isinstance(seconds, (int, float)) else None, "tokens": tokens}


def _seconds(start_us: int | None, end_us: int | None) -> float | None:
    return None if start_us is None or end_us is None else (end_us - start_us) / 1_000_000
