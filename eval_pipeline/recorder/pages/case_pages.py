"""The page of a project or experiment: its statistics, and a table with one row for each root run."""

from collections.abc import Sequence
from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.pages.conversation import last_text
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.filter_fields import FIELDS
from eval_pipeline.recorder.pages.addresses import Address, AddressDep
from eval_pipeline.recorder.pages.rendering import pages_of, render
from eval_pipeline.recorder.routes.requests import RecorderDep
from eval_pipeline.recorder.store.case_table import CaseFilter, CaseOrder, Result
from eval_pipeline.recorder.store.codec import preview
from eval_pipeline.recorder.store.runs import RunQuery

router = APIRouter(include_in_schema=False)

PAGE = 100
_SCORE = "score:"
_MAX_SCORE_COLUMNS = 8
CASE_KEYS = ("passed", "score")
"""Feedback keys of the whole case."""
_PLACE_MARK = " · "
"""Part of the key where assertions of one name have several places: on a turn, or twice on the conversation."""
_ORDERS = {name: name for name in get_args(CaseOrder)}
_RESULTS = {name: name for name in get_args(Result)}
FILTERS = ("q", "result", "tag", "split", "key", "below")
"""The parameters that narrow the table."""


@router.get("/o/{tenant}/projects/p/{session_id}")
def project(
    session_id: UUID,
    recorder: RecorderDep,
    address: AddressDep,
    tenant: str = "",  # noqa: ARG001
    page: Annotated[int, Query(ge=1)] = 1,
    sort: str = "start",
    *,
    down: bool = False,
) -> HTMLResponse:
    """A project or experiment."""
    return case_table(recorder, str(session_id), address, page=page, sort=sort, down=down)


def case_table(
    recorder: Recorder, session_id: str, address: Address, *, page: int, sort: str, down: bool
) -> HTMLResponse:
    """The page, its rows sorted over all pages by `sort`: a `CaseOrder`, or `score:<key>`.

    The parameters `FILTERS` narrow the rows. Of the scores it has columns for `default_keys`, or for those that `show`
    names; `every` shows all.

    Raises:
        ErrorResponse: 404 for an unknown session, 400 for an unknown order or filter.
    """
    session = recorder.sessions.get(session_id)
    # Also right where this is the answer to a comparison of one.
    address = Address(f"/o/{TENANT_ID}/projects/p/{session['id']}", address.others("selectedSessions"))
    statistics = recorder.statistics.of_session(session_id)
    score_key = sort.removeprefix(_SCORE) if sort.startswith(_SCORE) else None
    order: CaseOrder | None = "score" if score_key is not None else _ORDERS.get(sort)
    if order is None:
        raise ErrorResponse(400, {"detail": f"unknown order {sort!r}"})
    dataset_id = session["reference_dataset_id"]
    ids = recorder.case_table.matching(session_id, case_filter(recorder, dataset_id, address))
    pager = pages_of(len(ids), PAGE, page)
    rows = recorder.case_table.rows(
        session_id,
        ids,
        order=order,
        feedback_key=score_key,
        descending=down,
        limit=PAGE,
        offset=(pager["page"] - 1) * PAGE,
    )
    keys = recorder.case_table.feedback_keys([session_id])
    return render(
        "cases.html",
        address=address,
        session=session,
        statistics=statistics,
        dataset=_dataset(recorder, dataset_id),
        has_report=recorder.reports.has(session["name"]),
        rows=_with_payload(recorder, rows),
        all_keys=keys,
        keys=shown_keys(keys, address),
        main=default_keys(keys),
        tags=recorder.case_table.tags(session_id),
        splits=recorder.examples.splits(dataset_id) if dataset_id else [],
        queues=recorder.queues.find(limit=PAGE),
        datasets=recorder.datasets.find(limit=PAGE),
        filtered=address.has_any(*FILTERS),
        sort=sort,
        down=down,
        pager=pager,
        running=bool(dataset_id) and session.get("end_time") is None,
        has_threads=any(row.get("thread_id") for row in rows),
    )


def case_filter(recorder: Recorder, dataset_id: str | None, address: Address) -> CaseFilter:
    """The conditions in an address.

    Raises:
        ErrorResponse: 400 for one that does not exist.
    """
    result = address.get("result")
    if result and result not in _RESULTS:
        raise ErrorResponse(400, {"detail": f"unknown result {result!r}: use {', '.join(_RESULTS)}"})
    split, below = address.get("split"), address.get("below")
    examples = recorder.examples.find(dataset_id=dataset_id, splits=[split], limit=-1) if split and dataset_id else []
    try:
        limit = float(below) if below else None
    except ValueError as error:
        raise ErrorResponse(400, {"detail": f"below={below!r} is no number"}) from error
    return CaseFilter(
        text=address.get("q"),
        result=_RESULTS.get(result),
        tag=address.get("tag"),
        example_ids=[example["id"] for example in examples] if split else None,
        feedback_key=address.get("key"),
        below=limit,
    )


def shown_keys(keys: Sequence[str], address: Address) -> list[str]:
    """The feedback keys that have columns: those chosen in the address, or the default ones."""
    if address.get("every") == "true":
        return list(keys)
    chosen = set(address.all("show"))
    return [key for key in keys if key in chosen] if chosen else default_keys(keys)


def default_keys(keys: Sequence[str]) -> list[str]:
    """The feedback keys shown where none are chosen: those of the whole case, or else `main_keys`."""
    return [key for key in CASE_KEYS if key in keys] or main_keys(keys)


def main_keys(keys: Sequence[str]) -> list[str]:
    """The most telling feedback keys: those of the whole case, then those that do not name a place."""
    if len(keys) <= _MAX_SCORE_COLUMNS:
        return list(keys)
    of_case = [key for key in CASE_KEYS if key in keys]
    others = sorted((key for key in keys if key not in of_case), key=lambda key: _PLACE_MARK in key)
    return [*of_case, *others][:_MAX_SCORE_COLUMNS]


def asked(inputs: Any) -> str:
    """One line of inputs: what the user said last, or the inputs."""
    if isinstance(inputs, dict) and isinstance(inputs.get("input"), str):
        return str(inputs["input"])[:400]
    return (last_text(inputs, of="user") or preview(inputs) or "")[:400]


def answered(outputs: Any) -> str:
    """One line of outputs: what the agent said last, or the outputs."""
    return (last_text(outputs, of="agent") or preview(outputs) or "")[:400]


def _dataset(recorder: Recorder, dataset_id: str | None) -> dict[str, Any] | None:
    datasets = recorder.datasets.find(ids=[dataset_id]) if dataset_id else []
    return datasets[0] if datasets else None


def _with_payload(recorder: Recorder, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the feedback, the case's id, the attempt and a line of inputs and outputs of each row of one page."""
    if not rows:
        return []
    query = RunQuery(ids=[row["id"] for row in rows], limit=len(rows), subtree_usage=False)
    runs = {run["id"]: run for run in recorder.runs.query(query)[0]}
    for row in rows:
        run = runs[row["id"]]
        metadata = (run["extra"] or {}).get("metadata") or {}
        row["feedback"] = run["feedback_stats"]
        row["case_id"], row["attempt"] = metadata.get("case_id"), metadata.get("attempt")
        row["thread_id"] = next(iter(FIELDS["thread_id"].values(run)), None)
        row["asked"], row["answered"] = asked(run["inputs"]), answered(run["outputs"])
    single = all(row["attempt"] in (1, None) for row in rows) and len({row["case_id"] for row in rows}) == len(rows)
    for row in rows:
        row["single"] = single
    return rows
