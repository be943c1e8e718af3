"""What forms of the pages write: feedback, labels of annotation queues, runs in queues and datasets.

Everything is written as the API's own routes write it, and answered by going back to a page.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.frame import Frame
from eval_pipeline.recorder.pages.addresses import Address
from eval_pipeline.recorder.pages.review import given_labels, is_reviewed, reviewers_of
from eval_pipeline.recorder.routes.requests import BodyBytes, RecorderDep
from eval_pipeline.recorder.store.queues import COMPLETED

_REVIEWER = "reviewer"
_YEAR_S = 31_536_000


def require_own_page(request: Request) -> None:
    """Refuse what no page of this server sent: forms of other origins, and requests without an origin.

    Raises:
        ErrorResponse: 403.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    own = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if not own or site not in (None, "same-origin"):
        raise ErrorResponse(403, {"detail": "only this server's own pages may send this form"})


def read_fields(data: BodyBytes) -> Address:
    """The fields of a form."""
    return Address("", parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=False))


Fields = Annotated[Address, Depends(read_fields)]
router = APIRouter(prefix="/pages", include_in_schema=False, dependencies=[Depends(require_own_page)])


def reviewer_of(request: Request) -> str:
    """The name under which this browser gives feedback; empty before it was given."""
    return unquote(request.cookies.get(_REVIEWER, ""))


@router.post("/feedback")
def give_feedback(fields: Fields, recorder: RecorderDep) -> Response:
    """Add feedback on a run, as a person."""
    reviewer = _reviewer(fields)
    run = recorder.runs.get(_id(fields, "run"), subtree_usage=False)
    if not fields.get("key"):
        raise ErrorResponse(422, {"detail": "a feedback key is required"})
    given = {
        "score": _score(fields.get("score")),
        "value": fields.get("value") or None,
        "comment": fields.get("comment"),
    }
    if not any(value not in (None, "") for value in given.values()):
        raise ErrorResponse(422, {"detail": "give a score, a value or a comment"})
    _put(recorder, run, fields.get("key"), reviewer, **given)
    return _back(fields, reviewer)


@router.post("/feedback/{feedback_id}")
def change_feedback(feedback_id: UUID, fields: Fields, recorder: RecorderDep) -> Response:
    """Change a person's feedback, correct a model's, or delete either."""
    reviewer = _reviewer(fields)
    before = recorder.feedback.get(str(feedback_id))
    if fields.get("delete"):
        recorder.feedback.delete(str(feedback_id))
        return _back(fields, reviewer)
    given = {"score": _score(fields.get("score")), "value": fields.get("value") or None}
    comment = fields.get("comment") or None
    if (before["feedback_source"] or {}).get("type") == "model":
        correction = {name: value for name, value in {**given, "comment": comment}.items() if value is not None}
        correction |= {"corrected_by": reviewer} if correction else {}
        recorder.feedback.update(str(feedback_id), {"correction": correction or None})
    else:
        recorder.feedback.update(str(feedback_id), {**given, "comment": comment})
    return _back(fields, reviewer)


@router.post("/label")
def label(fields: Fields, recorder: RecorderDep) -> Response:
    """Store the labels of a queue's form and go on to the next run."""
    reviewer, queue = _reviewer(fields), recorder.queues.get(_id(fields, "queue"))
    entry = recorder.queues.entry(queue["id"], _id(fields, "entry"))
    run = recorder.runs.get(entry["run_id"], subtree_usage=False)
    before = given_labels(recorder, run["id"], reviewer)
    for number, key in enumerate(fields.all("key")):
        score = _score(fields.get(f"score.{number}"))
        value, comment = fields.get(f"value.{number}") or None, fields.get(f"comment.{number}") or None
        old = before.get(key)
        if score is None and value is None and comment is None:
            if old is not None:
                recorder.feedback.delete(old["id"])
            continue
        if old is not None:
            recorder.feedback.update(old["id"], {"score": score, "value": value, "comment": comment})
        else:
            _put(recorder, run, key, reviewer, score=score, value=value, comment=comment)
    reviewed = len(reviewers_of(recorder, [run["id"]]).get(run["id"], ()))
    done = is_reviewed(queue, reviewed)
    recorder.queues.set_status(entry["id"], COMPLETED if done else None)
    return _remember(RedirectResponse(f"{_queue_path(queue)}/label?after={entry['id']}", status_code=303), reviewer)


@router.post("/queues")
def create_queue(fields: Fields, recorder: RecorderDep) -> Response:
    """Create an annotation queue."""
    queue = recorder.queues.create(_new_queue(fields, fields.get("name")))
    return RedirectResponse(_queue_path(queue), status_code=303)


@router.post("/queue")
def add_to_queue(fields: Fields, recorder: RecorderDep) -> Response:
    """Add runs to an annotation queue, which is created if a new name is given."""
    runs = _runs(recorder, fields)
    name = fields.get("new_queue").strip()
    identity = recorder.queues.create(_new_queue(fields, name))["id"] if name else _id(fields, "queue")
    recorder.queues.add(identity, [{"run_id": run["id"]} for run in runs])
    return RedirectResponse(_queue_path(recorder.queues.get(identity)), status_code=303)


@router.post("/dataset")
def add_to_dataset(fields: Fields, recorder: RecorderDep) -> Response:
    """Add runs to a dataset as examples: their inputs, and their outputs as the reference."""
    runs, name = _runs(recorder, fields), fields.get("new_dataset").strip()
    identity = recorder.datasets.create({"name": name})["id"] if name else _id(fields, "dataset")
    bodies = [
        {
            "inputs": run["inputs"] or {},
            "outputs": run["outputs"] or {},
            "source_run_id": run["id"],
            "metadata": {"source_run_id": run["id"]},
        }
        for run in runs
    ]
    recorder.examples.create(identity, bodies)
    return RedirectResponse(f"/o/{TENANT_ID}/datasets/{identity}#examples", status_code=303)


def _put(recorder: Recorder, run: dict[str, Any], key: str, reviewer: str, **given: Any) -> None:
    body = {
        "id": str(uuid4()),
        "run_id": run["id"],
        "trace_id": run["trace_id"],
        "session_id": run["session_id"],
        "start_time": run["start_time"],
        "key": key,
        "feedback_source": {"type": "app", "metadata": {}, "user_name": reviewer},
        **{name: value for name, value in given.items() if value not in (None, "")},
    }
    recorder.receive(Frame(feedback=[body]))


def _new_queue(fields: Address, name: str) -> dict[str, Any]:
    if not name.strip():
        raise ErrorResponse(422, {"detail": "a queue needs a name"})
    keys = [line.strip() for line in fields.get("rubric_keys").splitlines() if line.strip()]
    items = [
        {"feedback_key": key.strip(), "description": description.strip()}
        for key, _, description in (line.partition(":") for line in keys)
    ]
    reviewers = fields.get("reviewers")
    return {
        "name": name.strip(),
        "rubric_instructions": fields.get("instructions") or None,
        "rubric_items": items or None,
        "num_reviewers_per_item": int(reviewers) if reviewers.isdigit() and int(reviewers) > 0 else 1,
    }


def _runs(recorder: Recorder, fields: Address) -> Sequence[dict[str, Any]]:
    runs = [recorder.runs.get(identity, subtree_usage=False) for identity in fields.all("run")]
    if not runs:
        raise ErrorResponse(422, {"detail": "select at least one run"})
    return runs


def _id(fields: Address, name: str) -> str:
    try:
        return str(UUID(fields.get(name)))
    except ValueError as error:
        raise ErrorResponse(422, {"detail": f"select a {name}, or name a new one"}) from error


def _reviewer(fields: Address) -> str:
    name = fields.get("reviewer").strip()
    if not name:
        raise ErrorResponse(422, {"detail": "give your name, under which the feedback is stored"})
    return name


def _score(text: str) -> float | None:
    try:
        return float(text) if text.strip() else None
    except ValueError as error:
        raise ErrorResponse(422, {"detail": f"{text!r} is no number: a score is one, such as 0, 0.5 or 1"}) from error


def _queue_path(queue: dict[str, Any]) -> str:
    return f"/o/{TENANT_ID}/annotation-queues/{queue['id']}"


def _back(fields: Address, reviewer: str) -> Response:
    target = fields.get("back")
    local = target.startswith("/") and not target.startswith(("//", "/\\"))
    return _remember(RedirectResponse(target if local else "/", status_code=303), reviewer)


def _remember(response: Response, reviewer: str) -> Response:
    expires = dt.timedelta(seconds=_YEAR_S)
    response.set_cookie(
        _REVIEWER, quote(reviewer), max_age=int(expires.total_seconds()), httponly=True, samesite="strict"
    )
    return response
