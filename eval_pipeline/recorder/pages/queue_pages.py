"""The pages of annotation queues: all of them, one with its progress, and the form that labels its runs one by one."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from eval_pipeline.pages.conversation import conversation
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.pages.addresses import AddressDep
from eval_pipeline.recorder.pages.case_pages import answered, asked
from eval_pipeline.recorder.pages.forms import reviewer_of
from eval_pipeline.recorder.pages.rendering import render
from eval_pipeline.recorder.pages.review import counts, given_labels, is_person, label_items, reviewers_of
from eval_pipeline.recorder.routes.requests import RecorderDep
from eval_pipeline.recorder.store.runs import RunQuery

router = APIRouter(include_in_schema=False)

_MAX_LISTED = 500


@router.get("/queues")
def queues(recorder: RecorderDep, address: AddressDep) -> HTMLResponse:
    """All queues with their progress, and the form of a new one."""
    listed = recorder.queues.find(name_contains=address.get("q").strip() or None, limit=_MAX_LISTED)
    done = {queue["id"]: len(recorder.queues.entries(queue["id"], status="completed")) for queue in listed}
    return render("queues.html", address=address, queues=listed, done=done, at="queues")


@router.get("/o/{tenant}/annotation-queues/{queue_id}")
def queue(
    queue_id: UUID,
    recorder: RecorderDep,
    request: Request,
    address: AddressDep,
    tenant: str = "",  # noqa: ARG001
) -> HTMLResponse:
    """A queue and its runs, each with the feedback of reviewers; `q` and `only` (`open`, `reviewed`) narrow them."""
    entries = recorder.queues.entries(str(queue_id), limit=_MAX_LISTED)
    ids = [entry["run_id"] for entry in entries]
    runs = {run["id"]: run for run in recorder.runs.query(RunQuery(ids=ids, limit=len(ids)))[0]} if ids else {}
    feedback = recorder.feedback.of_runs(ids) if ids else {}
    rows: list[dict[str, Any]] = [
        {
            "entry": entry,
            "run": runs[entry["run_id"]],
            "asked": asked(runs[entry["run_id"]]["inputs"]),
            "answered": answered(runs[entry["run_id"]]["outputs"]),
            "feedback": [one for one in feedback.get(entry["run_id"], []) if _by_reviewer(one)],
        }
        for entry in entries
        if entry["run_id"] in runs
    ]
    sought, only = address.get("q").strip().casefold(), address.get("only")
    shown = [
        row
        for row in rows
        if sought in f"{row['run']['name']} {row['asked']} {row['answered']}".casefold()
        and (not only or row["entry"]["completed"] == (only == "reviewed"))
    ]
    return render(
        "queue.html",
        address=address,
        queue=recorder.queues.get(str(queue_id)),
        total=len(rows),
        rows=shown,
        done=sum(row["entry"]["completed"] for row in rows),
        reviewers=counts(reviewers_of(recorder, ids)),
        reviewer=reviewer_of(request),
        at="queues",
    )


@router.get("/o/{tenant}/annotation-queues/{queue_id}/label")
def label(
    queue_id: UUID,
    recorder: RecorderDep,
    request: Request,
    tenant: str = "",  # noqa: ARG001
    entry: UUID | None = None,
    after: UUID | None = None,
) -> HTMLResponse:
    """The form for a run of the queue: `entry`, or the next that this reviewer has not labelled."""
    queue_, reviewer = recorder.queues.get(str(queue_id)), reviewer_of(request)
    entries = recorder.queues.entries(str(queue_id))
    reviewers = reviewers_of(recorder, [one["run_id"] for one in entries])
    ids = [one["id"] for one in entries]
    place = _place(ids, entries, reviewers, reviewer, entry=entry, after=after)
    values: dict[str, Any] = {
        "queue": queue_,
        "reviewer": reviewer,
        "total": len(entries),
        "done": sum(one["completed"] for one in entries),
        "reviewers": counts(reviewers),
        "at": "queues",
    }
    if place is None:
        return render("labelled.html", **values)
    return render("label.html", **values, **_form(recorder, queue_, entries, place, reviewer))


def _place(
    ids: list[str],
    entries: list[dict[str, Any]],
    reviewers: dict[str, set[str]],
    reviewer: str,
    *,
    entry: UUID | None,
    after: UUID | None,
) -> int | None:
    """The position of the entry to label; None where nothing is left."""
    if entry is not None and str(entry) in ids:
        return ids.index(str(entry))
    start = ids.index(str(after)) + 1 if after is not None and str(after) in ids else 0
    order = [*range(start, len(ids)), *range(start)]
    mine = (number for number in order if reviewer not in reviewers.get(entries[number]["run_id"], ()))
    return next((number for number in mine if not entries[number]["completed"]), None)


def _form(
    recorder: Recorder, queue_: dict[str, Any], entries: list[dict[str, Any]], place: int, reviewer: str
) -> dict[str, Any]:
    entry = entries[place]
    run = recorder.runs.get(entry["run_id"])
    feedback = recorder.feedback.of_runs([run["id"]]).get(run["id"], [])
    example_id = run["reference_example_id"]
    examples = recorder.compared.examples([example_id]) if example_id else {}
    return {
        "entry": entry,
        "run": run,
        "messages": conversation(run["inputs"], run["outputs"]),
        "reference": (examples.get(example_id) or {}).get("outputs") if example_id else None,
        "items": label_items(queue_, feedback),
        "given": given_labels(recorder, run["id"], reviewer),
        "others": [one for one in feedback if is_person(one)],
        "place": place + 1,
        "before": entries[place - 1]["id"] if place > 0 else None,
        "next": entries[place + 1]["id"] if place + 1 < len(entries) else None,
    }


def _by_reviewer(feedback: dict[str, Any]) -> bool:
    return is_person(feedback) or feedback["feedback_source"] is None or feedback["correction"] is not None
