"""The pages of the index, a dataset, a comparison of experiments, an example and a prompt."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from eval_pipeline.pages.templating import stylesheet
from eval_pipeline.recorder.pages.case_pages import case_table
from eval_pipeline.recorder.pages.rendering import pages_of, render
from eval_pipeline.recorder.routes.requests import RecorderDep
from eval_pipeline.recorder.store.runs import RunQuery

router = APIRouter(include_in_schema=False)

_PAGE = 100
_MAX_LISTED = 500
Page = Annotated[int, Query(ge=1)]


@router.get("/static/recorder.css")
def style() -> Response:
    """The style sheet of every page."""
    css = stylesheet("eval_pipeline.recorder.pages", "recorder.css")
    return Response(css, media_type="text/css", headers={"cache-control": "max-age=300"})


@router.get("/")
def index(recorder: RecorderDep) -> HTMLResponse:
    """The index: datasets, projects and annotation queues."""
    projects = recorder.sessions.find(reference_free=True, limit=_MAX_LISTED)
    return render(
        "index.html",
        datasets=recorder.datasets.find(limit=_MAX_LISTED),
        projects=[recorder.statistics.with_statistics(project) for project in projects],
        queues=recorder.queues.find(limit=_MAX_LISTED),
    )


@router.get("/o/{tenant}/datasets/{dataset_id}")
def dataset(dataset_id: UUID, recorder: RecorderDep, tenant: str = "", page: Page = 1) -> HTMLResponse:  # noqa: ARG001
    """A dataset: its experiments, its versions, its examples."""
    identity = str(dataset_id)
    dataset_ = recorder.datasets.get(identity)
    pager = pages_of(dataset_["example_count"], _PAGE, page)
    experiments = recorder.sessions.find(reference_dataset_ids=[identity], limit=_MAX_LISTED)
    with_statistics = [recorder.statistics.with_statistics(experiment) for experiment in experiments]
    return render(
        "dataset.html",
        dataset=dataset_,
        experiments=with_statistics,
        keys=sorted({key for experiment in with_statistics for key in experiment["feedback_stats"]}),
        comparisons=recorder.comparisons.of_dataset(identity),
        versions=recorder.datasets.versions(identity, limit=20),
        examples=recorder.examples.find(dataset_id=identity, limit=_PAGE, offset=(pager["page"] - 1) * _PAGE),
        pager=pager,
    )


@router.get("/o/{tenant}/datasets/{dataset_id}/compare")
def compare(
    dataset_id: UUID,
    recorder: RecorderDep,
    selected: Annotated[list[str], Query(alias="selectedSessions")],
    tenant: str = "",  # noqa: ARG001
    page: Page = 1,
    sort: str = "start",
    *,
    down: bool = False,
) -> HTMLResponse:
    """Compare the selected experiments, example by example; a single one is shown as its case table."""
    selected_ids = [part for item in selected for part in item.split(",") if part]
    if len(selected_ids) == 1:
        return case_table(recorder, selected_ids[0], page=page, sort=sort, down=down)
    # The oldest is the baseline of the others, in whatever order they were selected.
    oldest_first = sorted(map(recorder.sessions.get, selected_ids), key=lambda session: session["start_time"])
    experiments = [recorder.statistics.with_statistics(session) for session in oldest_first]
    sessions = [session["id"] for session in oldest_first]
    pager = pages_of(recorder.experiments.count_examples(str(dataset_id), sessions), _PAGE, page)
    examples = recorder.experiments.examples_with_runs(
        str(dataset_id), sessions, limit=_PAGE, offset=(pager["page"] - 1) * _PAGE
    )
    return render(
        "compare.html",
        dataset=recorder.datasets.get(str(dataset_id)),
        experiments=experiments,
        keys=sorted({key for experiment in experiments for key in experiment["feedback_stats"]}),
        rows=[_comparison_row(example, sessions) for example in examples],
        selected=",".join(sessions),
        pager=pager,
    )


def _comparison_row(example: dict[str, Any], sessions: list[str]) -> dict[str, Any]:
    by_session: dict[str, list[dict[str, Any]]] = {session: [] for session in sessions}
    for run in example["runs"]:
        by_session[run["session_id"]].append(run)
    return {"example": example, "cells": list(by_session.values())}


@router.get("/o/{tenant}/datasets/{dataset_id}/e/{example_id}")
@router.get("/datasets/{dataset_id}/e/{example_id}")
def example(dataset_id: UUID, example_id: UUID, recorder: RecorderDep, tenant: str = "") -> HTMLResponse:  # noqa: ARG001
    """An example: its inputs and reference outputs, its versions and its runs."""
    history = recorder.examples.history(str(example_id))
    runs, _ = recorder.runs.query(RunQuery(reference_example_ids=[str(example_id)], is_root=True, limit=_MAX_LISTED))
    sessions = {run["session_id"]: recorder.sessions.get(run["session_id"]) for run in runs}
    return render(
        "example.html",
        dataset=recorder.datasets.get(str(dataset_id)),
        files=recorder.runs.attachments([str(example_id)]).get(str(example_id), []),
        example=history[0] if history else recorder.examples.get(str(example_id)),
        history=history,
        runs=runs,
        sessions=sessions,
    )


@router.get("/prompts/{name}")
@router.get("/prompts/{name}/{commit}")
def prompt(name: str, recorder: RecorderDep, commit: str = "latest") -> HTMLResponse:
    """A prompt at a commit."""
    return render(
        "prompt.html",
        repo=recorder.hub.get(name),
        commit=recorder.hub.read(name, commit),
        commits=recorder.hub.commits(name)["commits"],
        tags=recorder.hub.tags(name),
    )
