"""The page of an annotation queue: what people are to look at, and what they have said."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from eval_pipeline.recorder.pages.rendering import render
from eval_pipeline.recorder.routes.requests import RecorderDep
from eval_pipeline.recorder.store.runs import RunQuery

router = APIRouter(include_in_schema=False)

_MAX_LISTED = 500


@router.get("/o/{tenant}/annotation-queues/{queue_id}")
def queue(queue_id: UUID, recorder: RecorderDep, tenant: str = "") -> HTMLResponse:  # noqa: ARG001
    """A queue with its runs, each with the feedback of people."""
    entries = recorder.queues.entries(str(queue_id), limit=_MAX_LISTED)
    ids = [entry["run_id"] for entry in entries]
    found = recorder.runs.query(RunQuery(ids=ids, limit=len(ids)))[0] if ids else []
    runs = {run["id"]: run for run in found}
    said = recorder.feedback.of_runs(ids) if ids else {}
    rows = [
        {
            "entry": entry,
            "run": runs[entry["run_id"]],
            "said": [one for one in said.get(entry["run_id"], []) if _by_people(one)],
        }
        for entry in entries
        if entry["run_id"] in runs
    ]
    return render("queue.html", queue=recorder.queues.get(str(queue_id)), rows=rows)


def _by_people(feedback: dict[str, object]) -> bool:
    source = feedback["feedback_source"]
    of_a_model = isinstance(source, dict) and source.get("type") == "model"
    return not of_a_model or feedback["correction"] is not None
