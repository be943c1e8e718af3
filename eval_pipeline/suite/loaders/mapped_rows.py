"""Load cases from rows of another tool's file, whose columns the suite maps to the fields of a case."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.csv_file import read_csv
from eval_pipeline.suite.documents.json_document import json_reason, parse_json, parse_json_file
from eval_pipeline.suite.documents.text_file import read_text
from eval_pipeline.suite.loaders.jsonl_cases import read_jsonl
from eval_pipeline.suite.loaders.raw_case import RawCase
from eval_pipeline.suite.spec.case_source import Column

_ID_DIGITS = 12


def load_mapped_rows(file: Path, columns: Mapping[str, Column]) -> Iterator[RawCase]:
    """A case for each row of a CSV, JSON, JSONL or Parquet file. Without `id`, ids are hashes of the mapped fields.

    Args:
        file: the file.
        columns: by field of a case (`id`, `input`, `inputs.NAME`, `reference.NAME`, …), the column that holds it.

    Raises:
        InputError: the file cannot be read, lacks a column, or a cell is not JSON where it must be.
    """
    problems: list[Problem] = []
    for number, (line, row) in enumerate(_rows(file), start=1):
        missing = [column.column for column in columns.values() if column.column not in row]
        if missing:
            fix = f"correct `columns` in suite.yaml; the row has {', '.join(row) or 'nothing'}"
            message = f"row {number} has no column {', '.join(missing)}"
            problems.append(Problem(message=message, fix=fix, file=file, line=line))
            if file.suffix in (".csv", ".parquet"):
                break  # all rows have the same
            continue
        try:
            yield RawCase(data=_case(row, columns), file=file, line=line)
        except ValueError as error:
            message = f"row {number}: a cell is {json_reason(error)}"
            problems.append(Problem(message=message, fix="write JSON there", file=file, line=line))
    if problems:
        raise InputError(problems)


def _case(row: Mapping[str, Any], columns: Mapping[str, Column]) -> dict[str, Any]:
    case: dict[str, Any] = {}
    for field, column in columns.items():
        value = row[column.column]
        if value is None or value == "":
            continue
        value = parse_json(value) if column.json_text and isinstance(value, str) else value
        if field == "tags" and isinstance(value, str):
            value = [tag.strip() for tag in value.split(";") if tag.strip()]
        outer, _, inner = field.partition(".")
        if inner:
            case.setdefault(outer, {})[inner] = value
        else:
            case[field] = value
    if "id" in columns:
        case["id"] = str(case.get("id", ""))
    else:
        content = json.dumps(case, sort_keys=True, ensure_ascii=False, default=str)
        case["id"] = f"row-{hashlib.sha256(content.encode()).hexdigest()[:_ID_DIGITS]}"
    return case


def _rows(file: Path) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
    if file.suffix == ".csv":
        table = read_csv(file)
        for place, cells in table.rows:
            yield place, dict(zip(table.columns, [*cells, *[""] * (len(table.columns) - len(cells))], strict=True))
    elif file.suffix == ".parquet":
        try:
            batches = pq.read_table(file).to_batches(max_chunksize=1_000)
        except (pa.ArrowInvalid, OSError) as error:
            message = f"not readable as Parquet: {str(error).splitlines()[0]}"
            raise InputError(Problem(message=message, fix="write the file again", file=file)) from error
        for batch in batches:
            yield from ((None, row) for row in batch.to_pylist())
    else:
        listed: Iterator[tuple[int | None, Any]] = _listed(file)
        if file.suffix == ".jsonl":
            listed = ((line, item) for line, item in read_jsonl(file))
        for line, item in listed:
            if not isinstance(item, Mapping):
                problem = Problem(message="a row is no object", fix="write `{column: value}`", file=file, line=line)
                raise InputError(problem)
            yield line, item


def _listed(file: Path) -> Iterator[tuple[int | None, Any]]:
    data = parse_json_file(file, read_text(file))
    if not isinstance(data, list):
        raise InputError(Problem(message="not a list of rows", fix="write a JSON list, or JSONL", file=file))
    yield from ((None, item) for item in data)
