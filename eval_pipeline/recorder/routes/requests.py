"""Parameters and answers that routes share: the recorder, decoded bodies, runs and examples as the API sends them."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, too_large, unprocessable
from eval_pipeline.langsmith.protocol.wire import decompress, parse_json
from eval_pipeline.recorder.config import MIB
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.filter_fields import FIELDS
from eval_pipeline.recorder.routes.refusals import refuse_unknown_fields
from eval_pipeline.recorder.store.runs import RunStore
from eval_pipeline.recorder.store.statistics import money

MAX_PAGE = 100
_LARGE_BYTES = 8 * MIB
"""Of larger bodies few are handled at once."""
_TOO_LARGE = 413
_COSTS = ("prompt_cost", "completion_cost", "total_cost")
_INTERNAL = frozenset({"start_us", "end_us", "replayed", "attachment_names"})


def get_recorder(request: Request) -> Recorder:
    """The recorder of the application."""
    recorder: Recorder = request.app.state.recorder
    return recorder


RecorderDep = Annotated[Recorder, Depends(get_recorder)]


async def read_body(request: Request) -> bytes:
    """Read and decompress the body.

    Raises:
        ErrorResponse: 413 beyond a limit, checked while the body arrives.
    """
    config = get_recorder(request).config
    chunks, size = list[bytes](), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > config.max_request_bytes:
            raise too_large(f"more than {config.max_request_bytes} bytes")
        chunks.append(chunk)
    encoding, raw = request.headers.get("content-encoding"), b"".join(chunks)
    # In a thread: a large frame would block the event loop and every other client.
    if size <= _LARGE_BYTES < config.max_decoded_bytes:
        try:
            return await run_in_threadpool(decompress, raw, encoding, limit=_LARGE_BYTES)
        except ErrorResponse as error:
            if error.status != _TOO_LARGE:
                raise
    await request.scope["large_body"]()
    return await run_in_threadpool(decompress, raw, encoding, limit=config.max_decoded_bytes)


BodyBytes = Annotated[bytes, Depends(read_body)]


def json_value(data: BodyBytes, request: Request) -> Any:
    """The body as any JSON value.

    Raises:
        ErrorResponse: 422, or 400 for a field that is not implemented.
    """
    value = parse_json(data)
    refuse_unknown_fields(request, value)
    return value


def json_object(value: Annotated[Any, Depends(json_value)]) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        ErrorResponse: 422, or 400 for a field that is not implemented.
    """
    if not isinstance(value, dict):
        raise unprocessable("body: Input should be a valid dictionary")
    return value


JsonValue = Annotated[Any, Depends(json_value)]
JsonObject = Annotated[dict[str, Any], Depends(json_object)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Offset = Annotated[int, Query(ge=0)]
Texts = Annotated[list[str] | None, Query()]


def page_of(body: Mapping[str, Any], *, default: int = MAX_PAGE) -> tuple[int, int]:
    """The offset and the limit of a body.

    Raises:
        ErrorResponse: 400 for other numbers.
    """
    limit, offset = body.get("limit"), body.get("offset")
    limit, offset = default if limit is None else limit, 0 if offset is None else offset
    if limit < 1:
        raise ErrorResponse(400, {"detail": "limit must be a number from 1"})
    if limit > MAX_PAGE:
        raise ErrorResponse(400, {"detail": f"Limit exceeds maximum allowed value of {MAX_PAGE}"})
    if offset < 0:
        raise ErrorResponse(400, {"detail": "offset must be a number from 0"})
    return offset, limit


def ids_of(body: Mapping[str, Any], name: str) -> list[str]:
    """The ids of a field of a body, in lower case, whether it holds one or a list; none without the field."""
    values = body.get(name)
    values = [] if values is None else values if isinstance(values, list) else [values]
    return [str(value).lower() for value in values]


def base_url(request: Request) -> str:
    """Scheme and host of the request's URL, without a trailing slash."""
    return str(request.base_url).rstrip("/")


def run_answer(run: dict[str, Any], base: str) -> dict[str, Any]:
    """A run as v1 sends it: cost as decimal text, attachments as URLs, no internal fields."""
    answer = {key: value for key, value in run.items() if key not in _INTERNAL}
    answer.update({name: money(run.get(name)) for name in _COSTS})
    answer["thread_id"] = next(iter(FIELDS["thread_id"].values(run)), None)
    # The schema has no null for counts.
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        answer[name] = run[name] or 0
    names = run.get("attachment_names") or []
    for name in ("start_time", "end_time"):
        answer[name] = run[name] and run[name].removesuffix("+00:00")  # UTC, which LangSmith does not write
    answer["s3_urls"] = attachment_urls(run["id"], names, base)
    return answer


def attachment_urls(owner_id: str, names: list[tuple[str, str]], base: str) -> dict[str, Any] | None:
    """`{"attachment.<name>": {"presigned_url", "mime_type"}}`, or None without files."""
    return {
        f"attachment.{name}": {"presigned_url": f"{base}/attachments/{owner_id}/{name}", "mime_type": mime_type}
        for name, mime_type in names
    } or None


def example_answer(example: dict[str, Any], runs: RunStore, base: str) -> dict[str, Any]:
    """An example as the API sends it, with the URLs of its attachments."""
    names = runs.attachments([example["id"]]).get(example["id"], [])
    return {**example, "attachment_urls": attachment_urls(example["id"], names, base)}
