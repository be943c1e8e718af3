"""Read runs, v1."""

import json
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.filters import compile_filter
from eval_pipeline.recorder.routes.requests import (
    JsonObject,
    RecorderDep,
    base_url,
    ids_of,
    page_of,
    run_answer,
)
from eval_pipeline.recorder.store.codec import to_us
from eval_pipeline.recorder.store.runs import Predicate, RunQuery, TraceCondition
from eval_pipeline.recorder.store.statistics import percentile

router = APIRouter()

_ALWAYS = frozenset(
    ["id", "name", "run_type", "start_time", "status", "trace_id", "dotted_order", "session_id", "app_path"]
)
_DETAILS = {f"{kind}_tokens": f"{kind}_token_details" for kind in ("prompt", "completion")} | {
    f"{kind}_cost": f"{kind}_cost_details" for kind in ("prompt", "completion")
}
"""Fields that a selection has with another one."""


@router.post("/runs/query")
def query(body: JsonObject, request: Request, recorder: RecorderDep) -> Response:
    """Runs that meet every condition, newest first, at most 100 a page."""
    _, limit = page_of(body)
    runs, cursor = recorder.runs.query(_run_query(body, limit))
    base = base_url(request)
    answers = [run_answer(run, base) for run in runs]
    if body.get("select"):
        select = _selected(body["select"])
        answers = [{key: value for key, value in answer.items() if key in select} for answer in answers]
    answer = {"runs": answers, "cursors": {"next": cursor, "prev": None}, "parsed_query": None}
    return Response(orjson.dumps(answer), media_type="application/json")  # as it is: FastAPI would copy it first


@router.post("/runs/stats")
def stats(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Totals of the runs that meet every condition; usage includes descendants if only roots are asked for."""
    runs, _ = recorder.runs.query(_run_query(body, 1_000_000, subtree_usage=body.get("is_root") is True))
    latencies = sorted((run["end_us"] - run["start_us"]) / 1_000_000 for run in runs if run["end_us"] is not None)
    return {
        "run_count": len(runs),
        "latency_p50": percentile(latencies, 0.5),
        "latency_p99": percentile(latencies, 0.99),
        "error_rate": sum(run["error"] is not None for run in runs) / len(runs) if runs else None,
        **{
            name: sum(run[name] or 0 for run in runs)
            for name in ("total_tokens", "prompt_tokens", "completion_tokens", "total_cost")
        },
    }


@router.get("/runs/{run_id}")
def read(run_id: UUID, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """One run; its tokens and cost include its descendants'."""
    return run_answer(recorder.runs.get(str(run_id)), base_url(request))


def _selected(names: list[str]) -> set[str]:
    return {*names, *_ALWAYS, *(details for name, details in _DETAILS.items() if name in names)}


def _run_query(body: dict[str, Any], limit: int, *, subtree_usage: bool = True) -> RunQuery:
    if body.get("execution_order") not in (None, 1):
        raise ErrorResponse(400, {"detail": "execution_order is 1, for root runs, or left out"})
    if body.get("data_source_type") not in (None, "current"):
        raise ErrorResponse(400, {"detail": f"data_source_type {body['data_source_type']!r} is not implemented"})
    return RunQuery(
        session_ids=[*ids_of(body, "session"), *ids_of(body, "session_id")],
        ids=ids_of(body, "id"),
        trace_id=next(iter(ids_of(body, "trace")), None),
        parent_id=next(iter(ids_of(body, "parent_run")), None),
        reference_example_ids=ids_of(body, "reference_example"),
        run_type=body.get("run_type"),
        is_root=True if body.get("execution_order") == 1 else body.get("is_root"),
        has_error=body.get("error"),
        min_start_us=to_us(body.get("start_time")),
        max_start_us=to_us(body.get("end_time")),
        newest_first=body.get("order") != "asc",
        predicates=predicates(
            run_filter=body.get("filter"),
            trace_filter=body.get("trace_filter"),
            tree_filter=body.get("tree_filter"),
            search=body.get("query"),
            search_filter=body.get("search_filter"),
        ),
        limit=limit,
        cursor=body.get("cursor"),
        subtree_usage=subtree_usage,
    )


def predicates(
    *,
    run_filter: str | None = None,
    trace_filter: str | None = None,
    tree_filter: str | None = None,
    search: str | None = None,
    search_filter: str | None = None,
) -> list[Predicate]:
    """The predicates of filter parameters: on the run, on its root, on any run of its trace, and free text.

    Raises:
        ErrorResponse: 400 for an invalid filter.
    """
    conditions: list[Predicate] = []
    conditions += [compile_filter(text) for text in (run_filter, search_filter) if text]
    if search:
        conditions.append(compile_filter(f"search({json.dumps(search)})"))
    if trace_filter:
        conditions.append(TraceCondition(compile_filter(trace_filter), any_run=False))
    if tree_filter:
        conditions.append(TraceCondition(compile_filter(tree_filter), any_run=True))
    return conditions
