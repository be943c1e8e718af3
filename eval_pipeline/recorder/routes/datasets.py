"""Datasets, their versions, tags and splits, and comparative experiments."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from eval_pipeline.langsmith.protocol.error_responses import unprocessable
from eval_pipeline.langsmith.protocol.wire import parse_json
from eval_pipeline.recorder.routes.requests import JsonObject, Limit, Offset, RecorderDep, Texts
from eval_pipeline.recorder.store.selecting import holds_metadata, sorted_by

router = APIRouter()

_SORTS = ("name", "created_at", "modified_at", "last_session_start_time", "example_count", "session_count")


@router.post("/datasets")
def create(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Create a dataset."""
    return recorder.datasets.create(body)


@router.get("/datasets")
def list_datasets(
    recorder: RecorderDep,
    identity: Annotated[list[str] | None, Query(alias="id")] = None,
    name: str | None = None,
    name_contains: str | None = None,
    metadata: str | None = None,
    data_type: Texts = None,
    sort_by: str | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
    *,
    sort_by_desc: bool = True,
) -> list[dict[str, Any]]:
    """List datasets."""
    datasets = recorder.datasets.find(ids=identity, name=name, name_contains=name_contains, limit=-1)
    required = parse_json(metadata.encode()) if metadata else None
    datasets = [
        dataset
        for dataset in datasets
        if holds_metadata(dataset, required) and (not data_type or dataset["data_type"] in data_type)
    ]
    return sorted_by(datasets, sort_by, descending=sort_by_desc, allowed=_SORTS)[offset : offset + limit]


@router.post("/datasets/comparative")
def create_comparison(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Create a comparative experiment."""
    return recorder.comparisons.create(body)


@router.delete("/datasets/comparative/{comparison_id}")
def delete_comparison(comparison_id: UUID, recorder: RecorderDep) -> dict[str, Any]:
    """Delete a comparative experiment."""
    recorder.comparisons.delete(str(comparison_id))
    return {}


@router.get("/datasets/{dataset_id}")
def read(dataset_id: UUID, recorder: RecorderDep) -> dict[str, Any]:
    """One dataset."""
    return recorder.datasets.get(str(dataset_id))


@router.patch("/datasets/{dataset_id}")
def update(dataset_id: UUID, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Change a dataset."""
    examples = body.pop("patch_examples", None) or {}
    if not isinstance(examples, dict) or not all(isinstance(change, dict) for change in examples.values()):
        raise unprocessable("patch_examples: Input should be a valid dictionary")
    with recorder.database.transaction():
        recorder.datasets.update(str(dataset_id), body)
        if examples:
            recorder.examples.update(str(dataset_id), [{**change, "id": key} for key, change in examples.items()])
    return recorder.datasets.get(str(dataset_id))


@router.delete("/datasets/{dataset_id}")
def delete(dataset_id: UUID, recorder: RecorderDep) -> dict[str, Any]:
    """Delete a dataset with its examples."""
    recorder.datasets.delete(str(dataset_id))
    return {}


@router.get("/datasets/{dataset_id}/versions")
def versions(dataset_id: UUID, recorder: RecorderDep, limit: Limit = 100, offset: Offset = 0) -> list[dict[str, Any]]:
    """Versions, newest first."""
    return recorder.datasets.versions(str(dataset_id), limit=limit, offset=offset)


@router.get("/datasets/{dataset_id}/version")
def version(
    dataset_id: UUID, recorder: RecorderDep, tag: str | None = None, as_of: str | None = None
) -> dict[str, Any]:
    """The version with a tag, or the latest one at a time."""
    return recorder.datasets.version(str(dataset_id), tag or as_of)


@router.put("/datasets/{dataset_id}/tags")
def tag_version(dataset_id: UUID, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Tag an exact version."""
    return recorder.datasets.tag(str(dataset_id), str(body.get("tag")), str(body.get("as_of")))


@router.get("/datasets/{dataset_id}/versions/diff")
def difference(dataset_id: UUID, from_version: str, to_version: str, recorder: RecorderDep) -> dict[str, Any]:
    """The examples added, removed and modified between two versions."""
    return recorder.examples.difference(str(dataset_id), from_version, to_version)


@router.get("/datasets/{dataset_id}/splits")
def splits(dataset_id: UUID, recorder: RecorderDep, as_of: str | None = None) -> list[str]:
    """Names of the splits."""
    return recorder.examples.splits(str(dataset_id), as_of)


@router.put("/datasets/{dataset_id}/splits")
def update_split(dataset_id: UUID, body: JsonObject, recorder: RecorderDep) -> list[str]:
    """Add examples to a split or remove them."""
    recorder.examples.move_to_split(
        str(dataset_id),
        str(body.get("split_name")),
        [str(identity) for identity in body.get("examples") or []],
        remove=body.get("remove") is True,
    )
    return recorder.examples.splits(str(dataset_id))


@router.get("/datasets/{dataset_id}/comparative")
def comparisons(dataset_id: UUID, recorder: RecorderDep) -> list[dict[str, Any]]:
    """The comparative experiments of a dataset."""
    return recorder.comparisons.of_dataset(str(dataset_id))
