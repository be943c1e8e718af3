"""Annotation queues."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request

from eval_pipeline.langsmith.protocol.dotted_order import is_uuid
from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, not_found
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.routes.requests import (
    JsonObject,
    JsonValue,
    Limit,
    Offset,
    RecorderDep,
    base_url,
    ids_of,
    run_answer,
)
from eval_pipeline.recorder.store.runs import RunQuery

router = APIRouter()

_MOST_ROOTS = 100_000

Status = Literal["needs_my_review", "needs_others_review", "completed"]


@router.get("/annotation-queues")
def list_queues(
    recorder: RecorderDep,
    ids: Annotated[list[str] | None, Query()] = None,
    name: str | None = None,
    name_contains: str | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> list[dict[str, Any]]:
    """List queues."""
    return recorder.queues.find(ids=ids or (), name=name, name_contains=name_contains, limit=limit, offset=offset)


@router.post("/annotation-queues")
def create(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Create a queue."""
    if not isinstance(body.get("name"), str):
        raise ErrorResponse(422, {"detail": "name is required"})
    with recorder.database.transaction():
        queue = recorder.queues.create(body)
        _populate(recorder, queue["id"], ids_of(body, "session_ids"))
    # The answer leaves out what was not given; a queue that is read has null there.
    return {key: value for key, value in queue.items() if value is not None or key in body}


@router.post("/annotation-queues/populate")
def populate(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Add the root runs of whole experiments to a queue."""
    _populate(recorder, str(body.get("queue_id")), ids_of(body, "session_ids"))
    return {}


def _populate(recorder: Recorder, queue_id: str, session_ids: list[str]) -> None:
    if session_ids:
        runs, _ = recorder.runs.query(RunQuery(session_ids=session_ids, is_root=True, limit=_MOST_ROOTS))
        recorder.queues.add(queue_id, [{"run_id": run["id"]} for run in runs])


@router.post("/annotation-queues/status/{entry_id}")
def set_status(entry_id: UUID, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Set the review status of an entry."""
    recorder.queues.set_status(str(entry_id), body.get("status"))
    return {}


@router.get("/annotation-queues/{queue_id}")
def read(queue_id: UUID, recorder: RecorderDep) -> dict[str, Any]:
    """One queue."""
    return recorder.queues.get(str(queue_id))


@router.patch("/annotation-queues/{queue_id}")
def update(queue_id: UUID, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Change a queue."""
    recorder.queues.update(str(queue_id), body)
    return {}


@router.delete("/annotation-queues/{queue_id}")
def delete(queue_id: UUID, recorder: RecorderDep) -> dict[str, Any]:
    """Delete a queue."""
    recorder.queues.delete(str(queue_id))
    return {}


@router.post("/annotation-queues/{queue_id}/runs")
def add(queue_id: UUID, body: JsonValue, recorder: RecorderDep) -> list[dict[str, Any]]:
    """Add runs to a queue: their ids, or objects with `run_id`."""
    runs = [{"run_id": item} if isinstance(item, str) else item for item in _listed(body)]
    return _added(recorder, queue_id, runs, needed=("run_id",))


@router.post("/annotation-queues/{queue_id}/runs/by-key")
def add_by_key(queue_id: UUID, body: JsonValue, recorder: RecorderDep) -> list[dict[str, Any]]:
    """Add runs to a queue, each by `run_id`, `session_id` and `start_time`."""
    return _added(recorder, queue_id, _listed(body), needed=("run_id", "session_id", "start_time"))


@router.get("/annotation-queues/{queue_id}/runs")
def list_runs(
    queue_id: UUID,
    request: Request,
    recorder: RecorderDep,
    status: Status | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> list[dict[str, Any]]:
    """The runs in a queue, in the order they were added."""
    entries = recorder.queues.entries(str(queue_id), status=status, limit=limit, offset=offset)
    return _with_runs(recorder, entries, request)


@router.get("/annotation-queues/{queue_id}/run/{index}")
def read_run(queue_id: UUID, index: int, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """The run at a position of a queue, which begins with 0."""
    entries = recorder.queues.entries(str(queue_id), limit=1, offset=index) if index >= 0 else []
    runs = _with_runs(recorder, entries, request)
    if not runs:
        raise not_found("Annotation queue run")
    return runs[0]


@router.patch("/annotation-queues/{queue_id}/runs/{entry_id}")
def update_run(queue_id: UUID, entry_id: UUID, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Change the times at which an entry was added and reviewed."""
    recorder.queues.update_entry(str(queue_id), str(entry_id), body)
    return {}


@router.delete("/annotation-queues/{queue_id}/runs/{entry_id}")
def remove_run(queue_id: UUID, entry_id: UUID, recorder: RecorderDep) -> dict[str, Any]:
    """Remove a run from a queue."""
    recorder.queues.remove(str(queue_id), str(entry_id))
    return {}


@router.get("/annotation-queues/{queue_id}/size")
def size(queue_id: UUID, recorder: RecorderDep, status: Status | None = None) -> dict[str, Any]:
    """How many runs are in a queue."""
    return {"size": len(recorder.queues.entries(str(queue_id), status=status))}


@router.get("/annotation-queues/{run_id}/queues")
def queues_of_run(run_id: UUID, recorder: RecorderDep) -> list[dict[str, Any]]:
    """The queues that contain a run."""
    return recorder.queues.of_run(str(run_id))


def _listed(body: Any) -> list[Any]:
    if not isinstance(body, list):
        raise ErrorResponse(422, {"detail": "body: Input should be a valid list"})
    return body


def _added(recorder: Recorder, queue_id: UUID, runs: list[Any], *, needed: tuple[str, ...]) -> list[dict[str, Any]]:
    for index, run in enumerate(runs):
        missing = [name for name in needed if not isinstance(run, dict) or not run.get(name)]
        if missing:
            raise ErrorResponse(422, {"detail": f"body.{index}.{missing[0]}: Field required"})
        if not is_uuid(str(run["run_id"])):
            raise ErrorResponse(422, {"detail": f"body.{index}.run_id: Input should be a valid UUID"})
    return recorder.queues.add(str(queue_id), runs)


def _with_runs(recorder: Recorder, entries: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """The runs of entries as v1 returns them, with the entry's fields; deleted runs are left out."""
    ids = [entry["run_id"] for entry in entries]
    runs = {run["id"]: run for run in recorder.runs.query(RunQuery(ids=ids, limit=len(ids)))[0]} if ids else {}
    base = base_url(request)
    return [
        {
            **run_answer(runs[entry["run_id"]], base),
            "queue_run_id": entry["id"],
            "added_at": entry["added_at"],
            "effective_added_at": entry["added_at"],
            "last_reviewed_time": entry["last_reviewed_time"],
            "source_proposed_example_id": entry["source_proposed_example_id"],
            "reserved_by": [],
            "completed_by": [],
        }
        for entry in entries
        if entry["run_id"] in runs
    ]
