"""The page of an annotation queue: its runs, with the feedback that reviewers gave."""

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
    """A queue and its runs, each with the feedback of reviewers."""
    entries = recorder.queues.entries(str(queue_id), limit=_MAX_LISTED)
    ids = [entry["run_id"] for entry in entries]
    runs = {run["id"]: run for run in recorder.runs.query(RunQuery(ids=ids, limit=len(ids)))[0]} if ids else {}
    feedback = recorder.feedback.of_runs(ids) if ids else {}
    rows = [
        {
            "entry": entry,
            "run": runs[entry["run_id"]],
            "feedback": [one for one in feedback.get(entry["run_id"], []) if _by_reviewer(one)],
        }
        for entry in entries
        if entry["run_id"] in runs
    ]
    return render("queue.html", queue=recorder.queues.get(str(queue_id)), rows=rows)


def _by_reviewer(feedback: dict[str, object]) -> bool:
    source = feedback["feedback_source"]
    by_model = isinstance(source, dict) and source.get("type") == "model"
    return not by_model or feedback["correction"] is not None
