"""Examples: one by one, in bulk, and multipart with attachments."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request

from eval_pipeline.langsmith.protocol.dotted_order import is_uuid
from eval_pipeline.langsmith.protocol.error_responses import not_found, unprocessable
from eval_pipeline.langsmith.protocol.wire import Part, parse_json, parse_multipart
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.frame import AttachmentOp, Frame
from eval_pipeline.recorder.routes.bodies import BODIES
from eval_pipeline.recorder.routes.refusals import refuse_fields
from eval_pipeline.recorder.routes.requests import (
    BodyBytes,
    JsonObject,
    JsonValue,
    Limit,
    Offset,
    RecorderDep,
    Texts,
    base_url,
    example_answer,
)
from eval_pipeline.recorder.store.selecting import selected

router = APIRouter()


@router.post("/platform/datasets/{dataset_id}/examples", status_code=201)
def create_multipart(dataset_id: UUID, body: BodyBytes, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """Create examples with their attachments in one new version."""
    examples, files = read_examples(parse_multipart(body, request.headers.get("content-type", "")))
    return _store(recorder, files, lambda: recorder.examples.create(str(dataset_id), examples))


@router.patch("/platform/datasets/{dataset_id}/examples", status_code=201)
def update_multipart(dataset_id: UUID, body: BodyBytes, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """Change examples in one new version."""
    examples, files = read_examples(parse_multipart(body, request.headers.get("content-type", "")))
    added: dict[str, list[str]] = {}
    for file in files:
        added.setdefault(file.owner_id, []).append(file.name)
    return _store(recorder, files, lambda: recorder.examples.update(str(dataset_id), examples, new_attachments=added))


@router.post("/platform/examples/multipart", status_code=201)
def upsert_multipart(body: BodyBytes, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """Create examples that each name their dataset (the older route)."""
    examples, files = read_examples(parse_multipart(body, request.headers.get("content-type", "")))
    return _store(recorder, files, lambda: recorder.examples.create(_one_dataset(examples), examples))


@router.post("/platform/datasets/examples/delete")
def delete_many(body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Delete examples, with `hard_delete` their history too."""
    ids = [str(identity) for identity in body.get("example_ids") or []]
    return {"count": recorder.examples.delete(ids, hard=body.get("hard_delete") is True)}


@router.post("/examples/bulk")
def create_bulk(body: JsonValue, recorder: RecorderDep) -> list[dict[str, Any]]:
    """Create examples of one dataset."""
    examples = _objects(body)
    created = recorder.examples.create(_one_dataset(examples), examples)
    return recorder.examples.find(ids=created["example_ids"], limit=-1) if examples else []


@router.patch("/examples/bulk")
def update_bulk(body: JsonValue, recorder: RecorderDep) -> dict[str, Any]:
    """Change examples."""
    changed = recorder.examples.update(None, _objects(body))
    return {"message": f"{changed['count']} examples updated", **changed}


@router.post("/examples")
def create(body: JsonObject, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """Create one example."""
    created = recorder.examples.create(_one_dataset([body]), [body])
    return example_answer(recorder.examples.get(created["example_ids"][0]), recorder.runs, base_url(request))


@router.get("/examples")
def list_examples(
    request: Request,
    recorder: RecorderDep,
    dataset: UUID | None = None,
    identity: Annotated[list[str] | None, Query(alias="id")] = None,
    as_of: str | None = None,
    splits: Texts = None,
    metadata: str | None = None,
    text_filter: Annotated[str | None, Query(alias="filter")] = None,
    full_text_contains: Texts = None,
    order: Literal["recent", "random", "recently_created", "id"] | None = None,
    random_seed: float | None = None,
    select: Texts = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> list[dict[str, Any]]:
    """List the examples of a version."""
    examples = recorder.examples.find(
        dataset_id=str(dataset) if dataset else None,
        ids=identity or (),
        as_of=as_of,
        splits=splits or (),
        metadata=parse_json(metadata.encode()) if metadata else None,
        text_filter=text_filter,
        containing=full_text_contains or (),
        order=order,
        seed=random_seed,
        limit=limit,
        offset=offset,
    )
    base = base_url(request)
    answers = (example_answer(example, recorder.runs, base) for example in examples)
    # With attachments the SDK asks for them, outputs and metadata, and reads all fields.
    names = None if "attachment_urls" in (select or ()) else select
    return [selected(answer, names) for answer in answers]


@router.delete("/examples")
def delete_listed(recorder: RecorderDep, example_ids: Annotated[list[str], Query()]) -> dict[str, Any]:
    """Delete examples."""
    return {"count": recorder.examples.delete(example_ids)}


@router.get("/examples/count")
def count(
    recorder: RecorderDep,
    dataset: UUID,
    as_of: str | None = None,
    identity: Annotated[list[str] | None, Query(alias="id")] = None,
    splits: Texts = None,
    metadata: str | None = None,
    text_filter: Annotated[str | None, Query(alias="filter")] = None,
    full_text_contains: Texts = None,
) -> int:
    """How many examples of a version meet every given condition."""
    return recorder.examples.count(
        str(dataset),
        as_of,
        ids=identity or (),
        splits=splits or (),
        metadata=parse_json(metadata.encode()) if metadata else None,
        text_filter=text_filter,
        containing=full_text_contains or (),
    )


@router.get("/examples/{example_id}")
def read(example_id: UUID, request: Request, recorder: RecorderDep, as_of: str | None = None) -> dict[str, Any]:
    """One example as of a version."""
    return example_answer(recorder.examples.get(str(example_id), as_of), recorder.runs, base_url(request))


@router.patch("/examples/{example_id}")
def update(example_id: UUID, body: JsonObject, recorder: RecorderDep) -> dict[str, Any]:
    """Change one example."""
    recorder.examples.update(None, [{**body, "id": str(example_id)}])
    return {"message": "Example updated"}


@router.delete("/examples/{example_id}")
def delete(example_id: UUID, recorder: RecorderDep) -> dict[str, Any]:
    """Delete one example."""
    recorder.examples.delete([str(example_id)])
    return {}


def read_examples(parts: list[Part]) -> tuple[list[dict[str, Any]], list[AttachmentOp]]:
    """Read the parts `<id>`, `<id>.inputs`, `<id>.outputs`, `<id>.attachment.<name>`, `<id>.attachments_operations`.

    Raises:
        ErrorResponse: 422 for a part with another name.
    """
    examples: dict[str, dict[str, Any]] = {}
    files: list[AttachmentOp] = []
    for part in parts:
        identity, _, field = part.name.partition(".")
        if not is_uuid(identity):
            raise unprocessable(f"unexpected part {part.name!r}")
        example = examples.setdefault(identity, {"id": identity})
        if not field:
            fields = parse_json(part.data)
            if not isinstance(fields, dict):
                raise unprocessable(f"part {part.name!r} is not a JSON object")
            refuse_fields(fields, BODIES["POST", "/examples"])
            example.update(fields)
        elif field.startswith("attachment."):
            name = field.removeprefix("attachment.")
            files.append(AttachmentOp(owner_id=identity, name=name, content_type=part.content_type, data=part.data))
        elif field in ("inputs", "outputs", "attachments_operations"):
            example[field] = parse_json(part.data)
        else:
            raise unprocessable(f"unexpected part {part.name!r}")
    return list(examples.values()), files


def _store(recorder: Recorder, files: list[AttachmentOp], write: Any) -> dict[str, Any]:
    with recorder.database.transaction():
        answer: dict[str, Any] = write()
        if files:
            recorder.receive(Frame(attachments=files))
    return answer


def _objects(body: object) -> list[dict[str, Any]]:
    if not isinstance(body, list) or not all(isinstance(item, dict) for item in body):
        raise unprocessable("body is not a list of examples")
    return body


def _one_dataset(examples: list[dict[str, Any]]) -> str:
    named = {str(example.get("dataset_id")) for example in examples}
    if len(named) != 1:
        raise unprocessable("examples must be of one dataset")
    (dataset_id,) = named
    if not is_uuid(dataset_id):
        raise not_found("Dataset")
    return dataset_id
