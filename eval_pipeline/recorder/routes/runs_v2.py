"""Read runs, v2 (`/api/v2`): the SDK's generated types `Run`, `Trace`, `ExperimentRunQueryResponse`."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.routes.requests import (
    JsonObject,
    RecorderDep,
    Texts,
    attachment_urls,
    base_url,
    example_answer,
    ids_of,
)
from eval_pipeline.recorder.routes.runs import predicates
from eval_pipeline.recorder.store.codec import microseconds, to_us
from eval_pipeline.recorder.store.runs import RunQuery

router = APIRouter()

_DEFAULT_AGE = timedelta(hours=24)
_AGGREGATES = frozenset({"TOTAL_TOKENS", "TOTAL_COST", "FIRST_TOKEN_TIME"})


@router.post("/runs/query")
def query_runs(body: JsonObject, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """Runs of some projects or of a dataset's experiments; by default of the last 24 hours."""
    if not body.get("project_ids") and not body.get("reference_dataset_id"):
        raise ErrorResponse(400, {"detail": "project_ids or reference_dataset_id is required"})
    query = _query(body, recorder, maximum=1000, default=100)
    selects = body.get("selects")
    if not query.predicates and {*(selects or ())} <= {"ID"}:
        ids, cursor = recorder.runs.ids(query)
        return {"items": [{"id": run_id} for run_id in ids], "next_cursor": cursor}
    runs, cursor = recorder.runs.query(query)
    base = base_url(request)
    return {"items": [run_answer_v2(run, selects, base) for run in runs], "next_cursor": cursor}


@router.get("/runs/{run_id}")
def read_run(run_id: UUID, request: Request, recorder: RecorderDep, selects: Texts = None) -> dict[str, Any]:
    """One run; its usage does not include descendants."""
    run = recorder.runs.get(str(run_id), subtree_usage=False)
    return run_answer_v2(run, selects, base_url(request))


@router.get("/runs/{run_id}/url")
def run_url(run_id: UUID, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """The URL of a run's page."""
    return {"url": base_url(request) + recorder.runs.get(str(run_id), subtree_usage=False)["app_path"]}


@router.get("/traces/{trace_id}/runs")
def trace_runs(
    trace_id: UUID,
    request: Request,
    recorder: RecorderDep,
    project_id: UUID | None = None,
    run_filter: Annotated[str | None, Query(alias="filter")] = None,
    selects: Texts = None,
) -> dict[str, Any]:
    """Every run of a trace, by start time."""
    query = RunQuery(
        trace_id=str(trace_id),
        session_ids=[str(project_id)] if project_id else (),
        predicates=predicates(run_filter=run_filter),
        newest_first=False,
        limit=recorder.config.max_runs_per_trace,
        subtree_usage=False,
    )
    runs, _ = recorder.runs.query(query)
    base = base_url(request)
    return {"items": [run_answer_v2(run, selects, base) for run in runs]}


@router.post("/traces/query")
def query_traces(body: JsonObject, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """Traces of a project: the root run and the totals of each trace."""
    if not body.get("project_id"):
        raise ErrorResponse(400, {"detail": "project_id is required"})
    body = {**body, "project_ids": [body["project_id"]], "ids": body.get("trace_ids"), "is_root": True}
    body["filter"] = body.pop("trace_filter", None)
    runs, cursor = recorder.runs.query(_query(body, recorder, maximum=100, default=20))
    totals = recorder.statistics.of_traces([run["trace_id"] for run in runs])
    selects = body.get("selects")
    base = base_url(request)
    items = []
    for run in runs:
        total = totals[run["trace_id"]]
        aggregates = {name.lower(): total.get(name.lower()) for name in _AGGREGATES & set(selects or ())}
        root = run_answer_v2(run, [name for name in selects or () if name not in _AGGREGATES], base)
        items.append({"root_run": root, "trace_aggregates": aggregates or None})
    return {"items": items, "next_cursor": cursor}


@router.post("/datasets/{dataset_id}/experiment-runs")
def experiment_runs(dataset_id: UUID, body: JsonObject, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """Examples with their runs in some experiments."""
    if not body.get("experiment_ids"):
        raise ErrorResponse(400, {"detail": "experiment_ids is required"})
    size, offset = _page_size(body, maximum=100, default=20), _offset(body.get("cursor"))
    examples = recorder.experiments.examples_with_runs(
        str(dataset_id),
        ids_of(body, "experiment_ids"),
        example_ids=ids_of(body, "example_ids"),
        limit=size + 1,
        offset=offset,
    )
    base = base_url(request)
    items = [
        {
            **example_answer(example, recorder.runs, base),
            "runs": [run_answer_v2(run, body.get("selects"), base) for run in example["runs"]],
        }
        for example in examples[:size]
    ]
    return {"items": items, "next_cursor": str(offset + size) if len(examples) > size else None}


def _offset(cursor: str | None) -> int:
    if cursor is None or cursor.isdigit():
        return int(cursor or 0)
    raise ErrorResponse(400, {"detail": "invalid cursor"})


def _page_size(body: dict[str, Any], *, maximum: int, default: int) -> int:
    size = body.get("page_size") or default
    if not 1 <= size <= maximum:
        raise ErrorResponse(400, {"detail": f"page_size must be between 1 and {maximum}"})
    return int(size)


def _query(body: dict[str, Any], recorder: Recorder, *, maximum: int, default: int) -> RunQuery:
    oldest = body.get("min_start_time")
    run_type = body.get("run_type")
    return RunQuery(
        session_ids=ids_of(body, "project_ids"),
        reference_dataset_id=body.get("reference_dataset_id"),
        ids=ids_of(body, "ids"),
        trace_id=body.get("trace_id"),
        reference_example_ids=ids_of(body, "reference_examples"),
        run_type=run_type.lower() if run_type else None,
        is_root=body.get("is_root"),
        has_error=body.get("has_error"),
        min_start_us=microseconds(recorder.now() - _DEFAULT_AGE) if oldest is None else to_us(oldest),
        max_start_us=to_us(body.get("max_start_time")),
        newest_first=str(body.get("sort_order") or "DESC").upper() != "ASC",
        predicates=predicates(
            run_filter=body.get("filter"),
            trace_filter=body.get("trace_filter"),
            tree_filter=body.get("tree_filter"),
        ),
        limit=_page_size(body, maximum=maximum, default=default),
        cursor=body.get("cursor"),
        subtree_usage=body.get("include_subtree_usage") is True,
    )


def run_answer_v2(run: dict[str, Any], selects: list[str] | None, base: str) -> dict[str, Any]:
    """A run with the selected fields (upper-case names of `RunSelectField`), or only its id.

    Raises:
        ErrorResponse: 400 for an unknown field.
    """
    names = {"id", *(name.lower() for name in selects or ())}
    if unknown := sorted(names - _FIELDS.keys()):
        raise ErrorResponse(400, {"detail": f"unknown selects {unknown}"})
    return {name: _FIELDS[name](run, base) for name in names}


def _plain(name: str) -> Any:
    return lambda run, _base: run.get(name)


def _latency(run: dict[str, Any], _base: str) -> float | None:
    return None if run["end_us"] is None else (run["end_us"] - run["start_us"]) / 1_000_000


def _details(name: str) -> Any:
    # v2 wraps each breakdown in {"raw": …}.
    return lambda run, _base: {"raw": run[name]} if run.get(name) else None


def _attachments(run: dict[str, Any], base: str) -> dict[str, str]:
    urls = attachment_urls(run["id"], run.get("attachment_names") or [], base) or {}
    return {name.removeprefix("attachment."): value["presigned_url"] for name, value in urls.items()}


def _metadata(run: dict[str, Any], _base: str) -> Any:
    return (run["extra"] or {}).get("metadata")


def _first_token_time(run: dict[str, Any], _base: str) -> Any:
    return next((event.get("time") for event in run["events"] or [] if event.get("name") == "new_token"), None)


_FIELDS: dict[str, Any] = {
    **{
        name: _plain(name)
        for name in [
            "id",
            "name",
            "start_time",
            "end_time",
            "error",
            "extra",
            "events",
            "inputs",
            "inputs_preview",
            "outputs",
            "outputs_preview",
            "trace_id",
            "parent_run_ids",
            "dotted_order",
            "reference_example_id",
            "reference_dataset_id",
            "total_tokens",
            "prompt_tokens",
            "completion_tokens",
            "total_cost",
            "prompt_cost",
            "completion_cost",
            "tags",
            "feedback_stats",
            "app_path",
            "price_model_id",
            "thread_evaluation_time",
            "last_queued_at",
            "share_url",
            "ls_user_id",
        ]
    },
    **{
        name: _details(name)
        for name in [
            "prompt_token_details",
            "completion_token_details",
            "prompt_cost_details",
            "completion_cost_details",
        ]
    },
    "run_type": lambda run, _base: run["run_type"].upper(),
    "status": lambda run, _base: run["status"].upper(),
    "project_id": lambda run, _base: run["session_id"],
    "is_root": lambda run, _base: run["parent_run_id"] is None,
    "is_in_dataset": lambda run, _base: run["reference_example_id"] is not None,
    "latency_seconds": _latency,
    "first_token_time": _first_token_time,
    "metadata": _metadata,
    "manifest": lambda run, _base: run["serialized"],
    "thread_id": lambda run, base: (_metadata(run, base) or {}).get("thread_id"),
    "attachments": _attachments,
    "error_preview": lambda run, _base: run["error"][:240] if run["error"] else None,
}
