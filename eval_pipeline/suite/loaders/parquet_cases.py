"""Load cases from Parquet: one case a row, columns named as the fields of a case, nested or as JSON text."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.loaders.raw_case import RawCase

_NESTED = ("turns", "tags", "assertions", "reference", "metadata", "runtime", "recordings")


def load_parquet_cases(file: Path) -> Iterator[RawCase]:
    """The cases of `file`.

    Raises:
        InputError: the file is not Parquet, or has no column `id`.
    """
    try:
        table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            Problem(message=f"not readable as Parquet: {reason}", fix="write the file again", file=file)
        ) from error
    if "id" not in table.column_names:
        present = ", ".join(table.column_names)
        raise InputError(Problem(message="column id is missing", fix=f"add it; columns found: {present}", file=file))
    for batch in table.to_batches(max_chunksize=1_000):
        for row in batch.to_pylist():
            data = {name: _decoded(name, value) for name, value in row.items() if value is not None}
            yield RawCase(data=data, file=file)


def _decoded(name: str, value: Any) -> Any:
    if name in _NESTED and isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            return value
    return _without_nulls(value)


def _without_nulls(value: Any) -> Any:
    """Drop null fields: Parquet structs have every field in every row, a case only those that are set."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
