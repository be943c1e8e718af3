"""Load cases from Parquet: one case a row, columns named as the fields of a case, nested or as JSON text."""

import datetime as dt
import decimal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.json_document import json_reason, parse_json
from eval_pipeline.suite.loaders.raw_case import RawCase

_NESTED = frozenset(
    {
        *("turns", "tags", "assertions", "reference", "metadata", "runtime", "recordings", "inputs", "messages"),
        *("attachments", "context", "configurable", "state", "simulation", "on_interrupt"),
    }
)


def load_parquet_cases(file: Path) -> Iterator[RawCase]:
    """The cases of `file`.

    Raises:
        InputError: the file is not Parquet, has no column `id` or one twice, or a cell is not JSON where it must be.
    """
    try:
        table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            Problem(message=f"not readable as Parquet: {reason}", fix="write the file again", file=file)
        ) from error
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        message = f"column {', '.join(twice)} is given twice"
        raise InputError(Problem(message=message, fix="rename one of the two, or remove it", file=file))
    if "id" not in table.column_names:
        present = ", ".join(table.column_names)
        raise InputError(Problem(message="column id is missing", fix=f"add it; columns found: {present}", file=file))
    problems: list[Problem] = []
    number = 0
    for batch in table.to_batches(max_chunksize=1_000):
        for row in batch.to_pylist():
            number += 1
            data: dict[str, Any] = {}
            for name, value in row.items():
                try:
                    data |= {} if value is None else {name: _decoded(name, value)}
                except ValueError as error:
                    case = str(row["id"])
                    message = f"row {number}: the cell is {json_reason(error)}"
                    problems.append(Problem(message=message, fix="write JSON there", file=file, case=case, field=name))
            yield RawCase(data=data, file=file)
    if problems:
        raise InputError(problems)


def _decoded(name: str, value: Any) -> Any:
    if name in _NESTED and isinstance(value, str) and value[:1] in "[{":
        return parse_json(value)
    return _as_json(value)


def _as_json(value: Any) -> Any:
    """A value in the types of JSON, as it would be in JSONL: dates and decimals are text.

    Null fields are dropped: Parquet structs have every field in every row, a case only those that are set.
    """
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value) if isinstance(value, decimal.Decimal | dt.timedelta) else value
