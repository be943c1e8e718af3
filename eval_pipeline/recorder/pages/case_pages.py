"""The page of a project or experiment: its statistics, and a table with one row for each root run."""

from collections.abc import Sequence
from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.pages.rendering import pages_of, render
from eval_pipeline.recorder.routes.requests import RecorderDep
from eval_pipeline.recorder.store.experiments import CaseOrder
from eval_pipeline.recorder.store.runs import RunQuery

router = APIRouter(include_in_schema=False)

_PAGE = 100
_SCORE = "score:"
_MAX_SCORE_COLUMNS = 8
_CASE_KEYS = ("passed", "score")
"""Feedback keys of the whole case."""
_PLACE_MARK = " · "
"""Part of the key where assertions of one name have several places: on a turn, or twice on the conversation."""
_ORDERS = {name: name for name in get_args(CaseOrder)}


@router.get("/o/{tenant}/projects/p/{session_id}")
def project(
    session_id: UUID,
    recorder: RecorderDep,
    tenant: str = "",  # noqa: ARG001
    page: Annotated[int, Query(ge=1)] = 1,
    sort: str = "start",
    *,
    down: bool = False,
    every: bool = False,
) -> HTMLResponse:
    """A project or experiment."""
    return case_table(recorder, str(session_id), page=page, sort=sort, down=down, every=every)


def case_table(
    recorder: Recorder, session_id: str, *, page: int, sort: str, down: bool, every: bool = False
) -> HTMLResponse:
    """The page, its rows sorted over all pages by `sort`: a `CaseOrder`, or `score:<key>`.

    Of many scores it has columns for `main_keys` only, with `every` for all.

    Raises:
        ErrorResponse: 404 for an unknown session, 400 for an unknown order.
    """
    session = recorder.sessions.get(session_id)
    statistics = recorder.statistics.of_session(session_id)
    key = sort.removeprefix(_SCORE) if sort.startswith(_SCORE) else None
    order: CaseOrder | None = "score" if key is not None else _ORDERS.get(sort)
    if order is None:
        raise ErrorResponse(400, {"detail": f"unknown order {sort!r}"})
    pager = pages_of(statistics["run_count"], _PAGE, page)
    rows = recorder.experiments.cases(
        session_id,
        order=order,
        feedback_key=key,
        descending=down,
        limit=_PAGE,
        offset=(pager["page"] - 1) * _PAGE,
    )
    dataset_id = session["reference_dataset_id"]
    keys = recorder.experiments.feedback_keys(session_id)
    main = main_keys(keys)
    return render(
        "cases.html",
        # Also right where this is the answer to a comparison of one.
        here=f"/o/{TENANT_ID}/projects/p/{session_id}",
        session=session,
        statistics=statistics,
        dataset=_dataset(recorder, dataset_id),
        has_report=recorder.reports.has(session["name"]),
        rows=_with_payload(recorder, rows),
        keys=keys if every else main,
        main=main,
        folded=len(keys) - len(main),
        every=every,
        sort=sort,
        down=down,
        pager=pager,
    )


def main_keys(keys: Sequence[str]) -> list[str]:
    """The feedback keys shown by default: those of the whole case, then those that do not name a place."""
    if len(keys) <= _MAX_SCORE_COLUMNS:
        return list(keys)
    of_case = [key for key in _CASE_KEYS if key in keys]
    others = sorted((key for key in keys if key not in of_case), key=lambda key: _PLACE_MARK in key)
    return [*of_case, *others][:_MAX_SCORE_COLUMNS]


def _dataset(recorder: Recorder, dataset_id: str | None) -> dict[str, Any] | None:
    datasets = recorder.datasets.find(ids=[dataset_id]) if dataset_id else []
    return datasets[0] if datasets else None


def _with_payload(recorder: Recorder, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the feedback, the case's id and the attempt of each row of one page."""
    if not rows:
        return []
    query = RunQuery(ids=[row["id"] for row in rows], limit=len(rows), subtree_usage=False)
    runs = {run["id"]: run for run in recorder.runs.query(query)[0]}
    for row in rows:
        run = runs[row["id"]]
        metadata = (run["extra"] or {}).get("metadata") or {}
        row["feedback"] = run["feedback_stats"]
        row["case_id"], row["attempt"] = metadata.get("case_id"), metadata.get("attempt")
    return rows
