"""The pages of the index, a dataset and an example, and the files that all pages load."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.pages.templating import shared_script, stylesheet
from eval_pipeline.recorder.pages.addresses import Address, AddressDep
from eval_pipeline.recorder.pages.case_pages import CASE_KEYS, answered, asked, shown_keys
from eval_pipeline.recorder.pages.rendering import own_script, pages_of, render
from eval_pipeline.recorder.routes.requests import RecorderDep
from eval_pipeline.recorder.store.runs import RunQuery

router = APIRouter(include_in_schema=False)

_PAGE = 100
_MAX_LISTED = 500
_SORTS = ("name", "run_count", "error_rate", "latency_p50", "total_tokens", "total_cost", "start_time")
Page = Annotated[int, Query(ge=1)]


@router.get("/static/{name}")
def static(name: str) -> Response:
    """A style sheet or script of the pages.

    Raises:
        ErrorResponse: 404.
    """
    if name == "recorder.css":
        text, kind = stylesheet("eval_pipeline.recorder.pages", name), "text/css"
    elif name == "recorder.js":
        text, kind = shared_script("keys.js") + own_script(), "text/javascript"
    else:
        raise ErrorResponse(404, {"detail": "File not found"})
    return Response(text, media_type=kind, headers={"cache-control": "max-age=300"})


@router.get("/")
def index(recorder: RecorderDep, address: AddressDep) -> HTMLResponse:
    """The index: datasets, projects and annotation queues."""
    sought = address.get("q").strip() or None
    projects = recorder.sessions.find(reference_free=True, name_contains=sought, limit=_MAX_LISTED)
    return render(
        "index.html",
        address=address,
        datasets=recorder.datasets.find(name_contains=sought, limit=_MAX_LISTED),
        projects=[recorder.statistics.with_statistics(project) for project in projects],
        queues=recorder.queues.find(name_contains=sought, limit=_MAX_LISTED),
        prompts=recorder.hub.find(query=sought, limit=_MAX_LISTED)["repos"],
        at="index",
    )


@router.get("/o/{tenant}/datasets/{dataset_id}")
def dataset(
    dataset_id: UUID,
    recorder: RecorderDep,
    address: AddressDep,
    tenant: str = "",  # noqa: ARG001
    page: Page = 1,
    sort: str = "start_time",
    *,
    down: bool = True,
) -> HTMLResponse:
    """A dataset: its experiments, its examples, its versions."""
    identity = str(dataset_id)
    dataset_ = recorder.datasets.get(identity)
    experiments = _experiments(recorder, identity, address, sort, down=down)
    keys = recorder.case_table.feedback_keys([experiment["id"] for experiment in experiments])
    sought, split = address.get("q").strip(), address.get("split")
    conditions: dict[str, Any] = {"splits": [split] if split else [], "containing": [sought] if sought else []}
    total = recorder.examples.count(identity, **conditions) if sought or split else dataset_["example_count"]
    pager = pages_of(total, _PAGE, page)
    offset = (pager["page"] - 1) * _PAGE
    examples = recorder.examples.find(dataset_id=identity, limit=_PAGE, offset=offset, **conditions)
    return render(
        "dataset.html",
        address=address,
        dataset=dataset_,
        experiments=experiments,
        all_keys=keys,
        keys=shown_keys(keys, address),
        comparisons=recorder.comparisons.of_dataset(identity),
        versions=recorder.datasets.versions(identity, limit=20),
        splits=recorder.examples.splits(identity),
        examples=[{**one, "asked": asked(one["inputs"]), "answered": answered(one["outputs"])} for one in examples],
        sort=sort,
        down=down,
        pager=pager,
    )


def _experiments(recorder: Any, dataset_id: str, address: Address, sort: str, *, down: bool) -> list[dict[str, Any]]:
    """The experiments of a dataset with their statistics, those whose name contains `experiment`, sorted.

    Raises:
        ErrorResponse: 400 for an unknown order.
    """
    sessions = recorder.sessions.find(
        reference_dataset_ids=[dataset_id], name_contains=address.get("experiment").strip() or None, limit=_MAX_LISTED
    )
    experiments = [recorder.statistics.with_statistics(session) for session in sessions]
    key = sort.removeprefix("score:")
    if sort not in _SORTS and not sort.startswith("score:"):
        raise ErrorResponse(400, {"detail": f"unknown order {sort!r}: use {', '.join(_SORTS)}"})

    def value(experiment: dict[str, Any]) -> Any:
        if sort.startswith("score:"):
            return (experiment["feedback_stats"].get(key) or {}).get("avg")
        return float(experiment[sort] or 0) if sort == "total_cost" else experiment[sort]

    there = [one for one in experiments if value(one) is not None]
    return [*sorted(there, key=value, reverse=down), *(one for one in experiments if value(one) is None)]


@router.get("/o/{tenant}/datasets/{dataset_id}/e/{example_id}")
@router.get("/datasets/{dataset_id}/e/{example_id}")
def example(dataset_id: UUID, example_id: UUID, recorder: RecorderDep, tenant: str = "") -> HTMLResponse:  # noqa: ARG001
    """An example: its inputs and reference outputs, its versions and its runs."""
    history = recorder.examples.history(str(example_id))
    runs, _ = recorder.runs.query(RunQuery(reference_example_ids=[str(example_id)], is_root=True, limit=_MAX_LISTED))
    sessions = {run["session_id"]: recorder.sessions.get(run["session_id"]) for run in runs}
    keys = sorted({key for run in runs for key in run["feedback_stats"]})
    return render(
        "example.html",
        dataset=recorder.datasets.get(str(dataset_id)),
        files=recorder.runs.attachments([str(example_id)]).get(str(example_id), []),
        example=history[0] if history else recorder.examples.get(str(example_id)),
        history=history,
        runs=[{**run, "answered": run["error"] or answered(run["outputs"])} for run in runs],
        sessions=sessions,
        keys=_of_case(keys),
    )


def _of_case(keys: Sequence[str]) -> list[str]:
    """The keys that a table of attempts shows as columns; the others are in the trace."""
    return [key for key in CASE_KEYS if key in keys] or list(keys)[:4]
