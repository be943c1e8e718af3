"""Whole experiments: examples with their runs, and uploads of experiments that ran outside LangSmith."""

from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request

from eval_pipeline.langsmith.protocol.dotted_order import DottedOrderStep, format_step
from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, unprocessable
from eval_pipeline.langsmith.protocol.times import parse_time
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.frame import Frame, run_operation
from eval_pipeline.recorder.routes.requests import (
    JsonObject,
    RecorderDep,
    base_url,
    example_answer,
    ids_of,
    page_of,
    run_answer,
)
from eval_pipeline.recorder.store.experiments import grouped_examples

router = APIRouter()

_ROW_FIELDS = ("row_id", "inputs", "start_time", "end_time")


@router.post("/datasets/{dataset_id}/runs")
def examples_with_runs(
    dataset_id: UUID, body: JsonObject, request: Request, recorder: RecorderDep
) -> list[dict[str, Any]]:
    """Examples with their root runs in some experiments; `preview` omits the payloads."""
    offset, limit = page_of(body)
    examples = recorder.experiments.examples_with_runs(
        str(dataset_id),
        ids_of(body, "session_ids"),
        example_ids=ids_of(body, "example_ids"),
        limit=limit,
        offset=offset,
    )
    base = base_url(request)
    for example in examples:
        example["runs"] = [run_answer(run, base) for run in example["runs"]]
        if body.get("preview"):
            _without_payload(example["runs"])
    return [example_answer(example, recorder.runs, base) for example in examples]


@router.post("/datasets/{dataset_id}/runs/delta")
def feedback_delta(dataset_id: UUID, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """By compared experiment the examples whose mean score of a feedback key is above or below the baseline's."""
    for name in ("baseline_session_id", "comparison_session_ids", "feedback_key"):
        if not body.get(name):
            raise unprocessable(f"{name}: Field required")
    offset, limit = page_of(body)
    return {
        "feedback_deltas": recorder.experiments.feedback_deltas(
            str(dataset_id),
            str(body["baseline_session_id"]),
            ids_of(body, "comparison_session_ids"),
            feedback_key=str(body["feedback_key"]),
            limit=limit,
            offset=offset,
            lower_is_better=recorder.feedback_configs.is_lower_better(str(body["feedback_key"])),
        )
    }


@router.post("/datasets/{dataset_id}/group/runs")
def grouped_runs(dataset_id: UUID, body: JsonObject, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """Examples with their runs, grouped by a value in the metadata of the runs or of the examples."""
    field, key = body.get("group_by"), body.get("metadata_key")
    if field not in ("run_metadata", "example_metadata") or not isinstance(key, str):
        raise unprocessable("group_by is run_metadata or example_metadata, and metadata_key is required")
    offset, limit = page_of(body, default=10)
    most = body.get("per_group_limit", 5)
    if not isinstance(most, int) or not 1 <= most <= 10:  # noqa: PLR2004 - the API's limit
        raise ErrorResponse(400, {"detail": "per_group_limit must be between 1 and 10"})
    examples = recorder.experiments.examples_with_runs(str(dataset_id), ids_of(body, "session_ids"), limit=-1, offset=0)
    groups = grouped_examples(examples, field=field, key=key)
    base = base_url(request)
    for group in groups[offset : offset + limit]:
        shown = group["examples"][:most]
        for example in shown:
            example["runs"] = [run_answer(run, base) for run in example["runs"]]
            if body.get("preview"):
                _without_payload(example["runs"])
        group["examples"] = [example_answer(example, recorder.runs, base) for example in shown]
    return {"groups": groups[offset : offset + limit]}


def _without_payload(runs: list[dict[str, Any]]) -> None:
    for run in runs:
        run["inputs"], run["outputs"] = {}, None


@router.post("/datasets/upload-experiment")
def upload(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Store an experiment that ran elsewhere: its dataset (externally managed), rows and scores, all or nothing."""
    _check_upload(body)
    with recorder.database.transaction():
        dataset = _upload_dataset(body, recorder)
        experiment = recorder.sessions.create(
            {
                "name": body["experiment_name"],
                "description": body.get("experiment_description"),
                "reference_dataset_id": dataset["id"],
                "start_time": body["experiment_start_time"],
                "end_time": body["experiment_end_time"],
                "extra": {"metadata": body.get("experiment_metadata") or {}},
            },
            upsert=False,
        )
        for row in body["results"]:
            _upload_row(row, dataset["id"], experiment["id"], recorder)
        for score in body.get("summary_experiment_scores") or []:
            recorder.receive(Frame(feedback=[{**score, "id": str(uuid4()), "session_id": experiment["id"]}]))
    return {"dataset": recorder.datasets.get(dataset["id"]), "experiment": experiment}


def _check_upload(body: dict[str, Any]) -> None:
    for name in ("experiment_name", "experiment_start_time", "experiment_end_time", "results"):
        if not body.get(name):
            raise unprocessable(f"{name} is required")
    if not body.get("dataset_id") and not body.get("dataset_name"):
        raise unprocessable("dataset_id or dataset_name is required")
    first, last = parse_time(body["experiment_start_time"]), parse_time(body["experiment_end_time"])
    for row in body["results"]:
        if missing := [name for name in _ROW_FIELDS if row.get(name) is None]:
            raise unprocessable(f"row {row.get('row_id')}: {missing[0]} is required")
        if not first <= parse_time(row["start_time"]) <= parse_time(row["end_time"]) <= last:
            raise unprocessable(f"row {row['row_id']}: its times are not within the experiment's")


def _upload_dataset(body: dict[str, Any], recorder: Recorder) -> dict[str, Any]:
    if body.get("dataset_id"):
        datasets = [recorder.datasets.get(str(body["dataset_id"]))]
    else:
        datasets = recorder.datasets.find(name=body["dataset_name"])
    if datasets and not datasets[0]["externally_managed"]:
        raise unprocessable("dataset is not externally managed")
    if datasets:
        return datasets[0]
    return recorder.datasets.create(
        {
            "name": body["dataset_name"],
            "description": body.get("dataset_description"),
            "data_type": "kv",
            "externally_managed": True,
        }
    )


def _upload_row(row: dict[str, Any], dataset_id: str, session_id: str, recorder: Recorder) -> None:
    example = {"id": str(row["row_id"]), "inputs": row["inputs"], "outputs": row.get("expected_outputs")}
    if recorder.examples.find(ids=[example["id"]]):
        recorder.examples.update(dataset_id, [example])
    else:
        recorder.examples.create(dataset_id, [example])
    run_id = str(uuid4())
    run = {
        "id": run_id,
        "trace_id": run_id,
        "dotted_order": format_step(DottedOrderStep(start_time=parse_time(row["start_time"]), run_id=run_id)),
        "name": row.get("run_name") or "row",
        "run_type": "chain",
        "session_id": session_id,
        "reference_example_id": example["id"],
        "inputs": row["inputs"],
        "outputs": row.get("actual_outputs"),
        "extra": {"metadata": row.get("run_metadata") or {}},
        **{name: row.get(name) for name in ("start_time", "end_time", "error")},
    }
    # Stored without the check of the time window: an uploaded experiment may be older.
    recorder.store(Frame(runs=[run_operation("post", run)], feedback=_row_scores(row, run_id, session_id)))


def _row_scores(row: dict[str, Any], run_id: str, session_id: str) -> list[dict[str, Any]]:
    return [
        {**score, "id": str(uuid4()), "run_id": run_id, "trace_id": run_id, "session_id": session_id}
        for score in row.get("evaluation_scores") or []
    ]
