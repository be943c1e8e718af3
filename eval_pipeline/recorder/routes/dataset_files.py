"""Datasets as files: CSV that is uploaded, CSV and JSON lines to download."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid4

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, unprocessable
from eval_pipeline.langsmith.protocol.wire import Part, parse_json, parse_multipart
from eval_pipeline.recorder.routes.requests import BodyBytes, RecorderDep

router = APIRouter()

_KINDS = ("input", "output", "metadata")
_KEYS = {f"{kind}_keys": kind for kind in _KINDS}
_MAPPINGS = {f"{kind}_key_mappings": kind for kind in _KINDS}
_TEXTS = ("id", "name", "description", "data_type")
_JSON = ("inputs_schema_definition", "outputs_schema_definition", "transformations")
_NUL = "\0"


@router.post("/datasets/upload")
def upload(body: BodyBytes, request: Request, recorder: RecorderDep) -> dict[str, Any]:
    """Create a dataset from a CSV file, one example a row; its values stay text."""
    fields, keys, text = read_upload(parse_multipart(body, request.headers.get("content-type", "")))
    columns, rows = _rows(text)
    if missing := sorted({column for names in keys.values() for column in names} - set(columns)):
        shown = ", ".join(map(repr, columns))
        raise unprocessable(f"the file has no column {', '.join(map(repr, missing))}; it has {shown}")
    examples = [
        {
            f"{kind}s" if kind != "metadata" else kind: {name: row[column] for column, name in keys[kind].items()}
            for kind in _KINDS
            if keys[kind] or kind == "input"
        }
        for row in rows
    ]
    with recorder.database.transaction():
        dataset = recorder.datasets.create({"name": _file_name(body), **fields})
        if examples:
            recorder.examples.create(dataset["id"], examples)
    return recorder.datasets.get(dataset["id"])


def read_upload(parts: Iterable[Part]) -> tuple[dict[str, Any], dict[str, dict[str, str]], str]:
    """The fields of the dataset, by kind the columns with their keys, and the text of the file.

    Raises:
        ErrorResponse: 400 for a field that is not implemented, 422 without a file or input keys, or for other text.
    """
    fields: dict[str, Any] = {}
    keys: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS}
    renamed: dict[str, Mapping[str, str]] = {}
    file: str | None = None
    for part in parts:
        text = _text(part)
        if part.name == "file":
            file = text
        elif part.name in _KEYS:
            keys[_KEYS[part.name]][text] = text
        elif part.name in _MAPPINGS:
            renamed[_MAPPINGS[part.name]] = parse_json(part.data)
        elif part.name in _TEXTS:
            fields[part.name] = text
        elif part.name in _JSON:
            fields[part.name] = parse_json(part.data)
        else:
            raise ErrorResponse(400, {"detail": f"field {part.name!r} is not implemented by the recorder"})
    if file is None or not keys["input"]:
        raise unprocessable("file and input_keys are required")
    for kind, names in renamed.items():
        if not isinstance(names, Mapping):
            raise unprocessable(f"{kind}_key_mappings: Input should be a valid dictionary")
        keys[kind] = {column: str(names.get(column, column)) for column in keys[kind]}
    return fields, keys, file


def _file_name(body: bytes) -> str:
    """The name of the uploaded file, which its dataset has where none is given."""
    match = re.search(rb'name="file"; filename="([^"\r\n]+)"', body)
    return match[1].decode("utf-8", "replace") if match else f"dataset-{uuid4().hex[:8]}"


def _text(part: Part) -> str:
    try:
        return part.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unprocessable(f"{part.name}: not UTF-8 at byte {error.start}") from error


def _rows(text: str) -> tuple[list[str], list[dict[str, str]]]:
    if _NUL in text:
        raise unprocessable("file: a NUL character is no CSV")
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, restkey="", restval=None)
        rows = list(reader)
    except csv.Error as error:
        raise unprocessable(f"file: {error}") from error
    for row in rows:
        if "" in row or None in row.values():
            raise unprocessable(f"file: a row has not the {len(reader.fieldnames or ())} fields of the header")
    return list(reader.fieldnames or ()), rows


@router.get("/datasets/{dataset_id}/csv")
def as_csv(dataset_id: UUID, recorder: RecorderDep, as_of: str | None = None) -> Response:
    """The examples of a version as CSV, with a column for each key; what is no text is JSON."""
    examples = recorder.examples.find(dataset_id=str(dataset_id), as_of=as_of, limit=-1)
    rows = [
        {
            "id": example["id"],
            **{
                f"{kind}.{key}": _cell(value)
                for kind in ("inputs", "outputs", "metadata")
                for key, value in (example.get(kind) or {}).items()
            },
        }
        for example in examples
    ]
    columns = list(dict.fromkeys(["id", *(name for row in rows for name in row)]))
    columns.sort(key=lambda name: ("id", "inputs", "outputs", "metadata").index(name.partition(".")[0]))
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    writer.writerows(rows)
    return _download(file.getvalue().encode(), "text/csv; charset=utf-8", f"{dataset_id}.csv")


@router.get("/datasets/{dataset_id}/jsonl")
def as_json_lines(dataset_id: UUID, recorder: RecorderDep, as_of: str | None = None) -> Response:
    """The examples of a version as JSON lines."""
    examples = recorder.examples.find(dataset_id=str(dataset_id), as_of=as_of, limit=-1)
    names = ("id", "inputs", "outputs", "metadata")
    lines = (orjson.dumps({name: example.get(name) for name in names}) + b"\n" for example in examples)
    return _download(b"".join(lines), "application/x-ndjson", f"{dataset_id}.jsonl")


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _download(data: bytes, media_type: str, name: str) -> Response:
    return Response(data, media_type=media_type, headers={"content-disposition": f'attachment; filename="{name}"'})
