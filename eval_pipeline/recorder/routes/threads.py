"""Read threads, v2: conversations, whose traces name the same thread in their metadata."""

from collections import defaultdict
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, not_found
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.filter_fields import FIELDS
from eval_pipeline.recorder.routes.requests import JsonObject, RecorderDep, Texts
from eval_pipeline.recorder.routes.runs import predicates
from eval_pipeline.recorder.store.codec import microseconds, to_us
from eval_pipeline.recorder.store.runs import RunQuery
from eval_pipeline.recorder.store.statistics import percentile

router = APIRouter()

_DEFAULT_AGE = timedelta(hours=24)
_MOST_ROOTS = 100_000
_PAGE = Annotated[int, Query(ge=1, le=100)]
_Run = dict[str, Any]


@router.post("/threads/query")
def query_threads(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """The threads of a project, the latest first; by default of the last 24 hours."""
    if not body.get("project_id"):
        raise ErrorResponse(400, {"detail": "project_id is required"})
    size, start = body.get("page_size") or 20, _offset(body.get("cursor"))
    if not isinstance(size, int) or not 1 <= size <= 100:  # noqa: PLR2004 - the API's limit
        raise ErrorResponse(400, {"detail": "page_size must be between 1 and 100"})
    oldest = body.get("min_start_time")
    roots = _roots(
        recorder,
        str(body["project_id"]),
        run_filter=body.get("filter"),
        trace_filter=body.get("trace_filter"),
        tree_filter=body.get("tree_filter"),
        min_start_us=microseconds(recorder.now() - _DEFAULT_AGE) if oldest is None else to_us(oldest),
        max_start_us=to_us(body.get("max_start_time")),
    )
    threads: dict[str, list[_Run]] = defaultdict(list)
    for root in roots:
        if (thread := _thread_of(root)) is not None:
            threads[thread].append(root)
    latest = sorted(threads.items(), key=lambda item: item[1][-1]["start_us"], reverse=True)
    page = latest[start : start + size]
    more = start + size < len(latest)
    return {
        "items": [_thread(name, turns) for name, turns in page],
        "next_cursor": str(start + size) if more else None,
    }


@router.get("/threads/{thread_id}/traces")
def traces_of_thread(
    thread_id: str,
    project_id: UUID,
    recorder: RecorderDep,
    selects: Texts = None,
    run_filter: Annotated[str | None, Query(alias="filter")] = None,
    trace_filter: str | None = None,
    tree_filter: str | None = None,
    page_size: _PAGE = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The turns of a thread, in their order."""
    start = _offset(cursor)
    turns = _turns(
        recorder, thread_id, project_id, run_filter=run_filter, trace_filter=trace_filter, tree_filter=tree_filter
    )
    items = [_turn(thread_id, number + 1, run) for number, run in enumerate(turns)][start : start + page_size]
    names = {"trace_id", *(name.lower() for name in selects or ())}
    if items and (unknown := sorted(names - items[0].keys())):
        raise ErrorResponse(400, {"detail": f"unknown selects {unknown}"})
    chosen = items if selects is None else [{name: item[name] for name in names} for item in items]
    return {"items": chosen, "next_cursor": str(start + page_size) if start + page_size < len(turns) else None}


@router.get("/threads/{thread_id}/stats")
def stats_of_thread(
    thread_id: str,
    session_id: UUID,
    recorder: RecorderDep,
    selects: Texts = None,
    run_filter: Annotated[str | None, Query(alias="filter")] = None,
) -> dict[str, Any]:
    """Totals of a thread."""
    turns = _turns(recorder, thread_id, session_id, run_filter=run_filter)
    if not turns:
        raise not_found(f"Thread {thread_id!r}")
    latencies = _latencies(turns)
    stats = {
        "turns": len(turns),
        "first_start_time": turns[0]["start_time"],
        "last_start_time": turns[-1]["start_time"],
        "last_end_time": turns[-1]["end_time"],
        "latency_p50_seconds": percentile(latencies, 0.5),
        "latency_p99_seconds": percentile(latencies, 0.99),
        **{name: _sum(turns, name) for name in _TOTALS},
    }
    names = [name.lower() for name in selects or stats]
    if unknown := sorted(set(names) - stats.keys()):
        raise ErrorResponse(400, {"detail": f"selects {unknown} are not implemented by the recorder"})
    return {name: stats[name] for name in names}


_TOTALS = ("total_tokens", "prompt_tokens", "completion_tokens", "total_cost", "prompt_cost", "completion_cost")


def _turns(recorder: Recorder, thread_id: str, project_id: UUID, **filters: Any) -> list[_Run]:
    return [run for run in _roots(recorder, str(project_id), **filters) if _thread_of(run) == thread_id]


def _roots(
    recorder: Recorder,
    project_id: str,
    *,
    min_start_us: int | None = None,
    max_start_us: int | None = None,
    **filters: Any,
) -> list[_Run]:
    """The roots of a project that belong to a thread and meet the filters, in the order of their starts."""
    query = RunQuery(
        session_ids=[project_id],
        is_root=True,
        min_start_us=min_start_us,
        max_start_us=max_start_us,
        newest_first=False,
        predicates=predicates(**filters),
        limit=_MOST_ROOTS,
    )
    return [run for run in recorder.runs.query(query)[0] if _thread_of(run) is not None]


def _thread_of(run: _Run) -> str | None:
    return next(iter(FIELDS["thread_id"].values(run)), None)


def _thread(name: str, turns: list[_Run]) -> dict[str, Any]:
    errors = [run["error"] for run in turns if run["error"] is not None]
    latencies = _latencies(turns)
    return {
        "thread_id": name,
        "count": len(turns),
        "trace_id": turns[-1]["trace_id"],
        "start_time": turns[-1]["start_time"],
        "min_start_time": turns[0]["start_time"],
        "max_start_time": turns[-1]["start_time"],
        "first_trace_id": turns[0]["trace_id"],
        "last_trace_id": turns[-1]["trace_id"],
        "first_inputs": turns[0]["inputs_preview"],
        "last_outputs": turns[-1]["outputs_preview"],
        "last_error": errors[-1][:240] if errors else None,
        "num_errored_turns": len(errors),
        "latency_p50": percentile(latencies, 0.5),
        "latency_p99": percentile(latencies, 0.99),
        "total_tokens": _sum(turns, "total_tokens"),
        "total_cost": _sum(turns, "total_cost"),
        "feedback_stats": {},
    }


def _turn(thread_id: str, number: int, run: _Run) -> dict[str, Any]:
    fields = ("trace_id", "name", "start_time", "end_time", "error", "inputs", "outputs", "inputs_preview")
    return {
        **{name: run[name] for name in (*fields, "outputs_preview", *_TOTALS)},
        "thread_id": thread_id,
        "turn_number": number,
        "latency": next(iter(_latencies([run])), None),
        "error_preview": run["error"][:240] if run["error"] else None,
    }


def _latencies(runs: list[_Run]) -> list[float]:
    return sorted((run["end_us"] - run["start_us"]) / 1_000_000 for run in runs if run["end_us"] is not None)


def _sum(runs: list[_Run], name: str) -> Any:
    values = [run[name] for run in runs if run[name] is not None]
    return sum(values) if values else None


def _offset(cursor: str | None) -> int:
    if cursor is None or cursor.isdigit():
        return int(cursor or 0)
    raise ErrorResponse(400, {"detail": "invalid cursor"})
