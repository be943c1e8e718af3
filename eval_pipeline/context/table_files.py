"""Read CSV, JSON, JSONL and Parquet files as Arrow tables.

Nested JSON values become JSON text in a column marked as such, not Arrow structs: a struct has the union of all keys,
which for objects keyed by ids is a column per id.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.csv_file import CsvFile, read_csv
from eval_pipeline.suite.documents.json_document import parse_json_file
from eval_pipeline.suite.documents.text_file import read_text
from eval_pipeline.suite.loaders.jsonl_cases import read_jsonl

if TYPE_CHECKING:
    import pandas as pd

JSON_ENCODED = {b"eval_pipeline.encoding": b"json"}
KEY_COLUMN = b"eval_pipeline.key"
"""Schema metadata: the column that `lookup` searches."""
_LARGEST_BLOCK = 2**31 - 1
"""Arrow's."""
_PADDED = re.compile(r"\s*[-+]?0[0-9]|\s*\+")
"""How numbers are written whose form a number would drop, such as `007` and `+49`."""
_PADDED_OR_LONG = re.compile(rf"{_PADDED.pattern}|\s*-?[0-9]{{16,}}\s*$")
"""And whole numbers that a float would round."""


def read_table_file(
    file: Path, *, key: str | None = None, columns: Sequence[str] = (), text_columns: Sequence[str] = ()
) -> pa.Table:
    """The rows of `file`.

    Args:
        file: `.csv`, `.json`, `.jsonl` or `.parquet`.
        key: the column that rows are looked up by; for a JSON object of objects, the column for its keys.
        columns: columns that the file must have.
        text_columns: columns of a CSV that stay text; others become numbers or dates where that loses nothing that is
            written. `key` stays text too.

    Raises:
        InputError: the file is missing, of an unknown kind, not readable, or lacks a column.
    """
    try:
        table = _read(file, key, text_columns)
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise InputError(
            Problem(
                message=f"not readable as {file.suffix[1:]}: {reason}", fix="correct or replace the file", file=file
            )
        ) from error
    missing = [name for name in (*columns, *text_columns, *([key] if key else [])) if name not in table.column_names]
    if missing:
        raise InputError(
            Problem(
                message=f"column {', '.join(missing)} is missing",
                fix=f"add it, or correct suite.yaml; columns found: {', '.join(table.column_names)}",
                file=file,
            )
        )
    return with_key(table, key) if key else table


def table_of_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> pa.Table:
    """Mappings as a table; values that are lists or mappings become marked JSON text.

    Args:
        rows: the rows; they may have different keys.
        columns: columns that the table has even if no row has them.
    """
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    arrays, fields = [], []
    for name in names:
        values = [row.get(name) for row in rows]
        nested = any(isinstance(value, dict | list) for value in values)
        if nested:
            values = [None if value is None else _json(value) for value in values]
        array = _array(values)
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata=JSON_ENCODED if nested else None))
    return pa.table(arrays, schema=pa.schema(fields))


def table_of_frame(frame: "pd.DataFrame") -> pa.Table:
    """A pandas frame as a table. A column of several types becomes text, as in `table_of_rows`."""
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
        return table_of_rows([{str(name): value for name, value in row.items()} for row in rows])


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of a table, marked JSON text decoded."""
    encoded = [field.name for field in table.schema if field.metadata == JSON_ENCODED]
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        for name in encoded:
            if row[name] is not None:
                row[name] = json.loads(row[name])
    return rows


def with_key(table: pa.Table, key: str) -> pa.Table:
    """`table`, marked as looked up by `key`."""
    return table.replace_schema_metadata({**(table.schema.metadata or {}), KEY_COLUMN: key.encode()})


def _read(file: Path, key: str | None, text_columns: Sequence[str]) -> pa.Table:
    if not file.is_file():
        raise InputError(Problem(message="the file does not exist", fix="create it, or correct the path", file=file))
    if file.suffix == ".parquet":
        return pq.read_table(file)
    if file.suffix == ".csv":
        return _csv_table(file, [*text_columns, *([key] if key else [])])
    if file.suffix == ".jsonl":
        return table_of_rows([_object(value, file, line) for line, value in read_jsonl(file)])
    if file.suffix == ".json":
        return _json_table(file, key)
    raise InputError(
        Problem(
            message=f"tables cannot be read from {file.suffix!r} files",
            fix="use .csv, .json, .jsonl or .parquet",
            file=file,
        )
    )


def _csv_table(file: Path, text_columns: Sequence[str]) -> pa.Table:
    parsed = read_csv(file)
    if not parsed.columns:
        raise InputError(
            Problem(message="not readable as csv: the file is empty", fix="write a header and rows", file=file)
        )
    problems = [
        Problem(
            message="not readable as csv: the row has fewer cells than the header",
            fix="add empty cells",
            file=file,
            line=line,
        )
        for line, cells in parsed.rows
        if len(cells) < len(parsed.columns)
    ]
    if problems:
        raise InputError(problems)
    text = parsed.text.encode()
    parse = pyarrow.csv.ParseOptions(delimiter=parsed.delimiter, newlines_in_values=True)
    # In one block: types are inferred from the first one, and cells with line breaks may cross its end.
    read = pyarrow.csv.ReadOptions(block_size=min(len(text) + 1, _LARGEST_BLOCK))
    kept = {*text_columns}
    while True:
        convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(sorted(kept), pa.string()))
        table = pyarrow.csv.read_csv(pa.BufferReader(text), read, parse, convert)
        changed = {name for name in set(table.column_names) - kept if _is_changed(table, parsed, name)}
        if not changed:
            return table
        kept |= changed


def _is_changed(table: pa.Table, parsed: CsvFile, name: str) -> bool:
    """Whether the inferred type of a column drops something that is written: zeros, digits, "NA", or a time's form."""
    inferred = table.schema.field(name).type
    if pa.types.is_time(inferred):
        return True
    position = parsed.columns.index(name)
    if pa.types.is_null(inferred):
        return any(cells[position] for _, cells in parsed.rows)
    written = {pa.types.is_integer: _PADDED, pa.types.is_floating: _PADDED_OR_LONG}
    pattern = next((pattern for is_kind, pattern in written.items() if is_kind(inferred)), None)
    return pattern is not None and any(pattern.match(cells[position]) for _, cells in parsed.rows)


def _json_table(file: Path, key: str | None) -> pa.Table:
    data = parse_json_file(file, read_text(file))
    if isinstance(data, list):
        return table_of_rows([_object(value, file, None) for value in data])
    if isinstance(data, dict) and data and all(isinstance(value, dict) for value in data.values()):
        column = key or "key"
        for name, value in data.items():
            if str(value.get(column, name)) != name:
                message = f"the object under {name!r} has {value[column]!r} as its {column!r}"
                fix = "make the two agree, or name another column as `key`"
                raise InputError(Problem(message=message, fix=fix, file=file))
        return with_key(table_of_rows([{column: name, **value} for name, value in data.items()]), column)
    raise InputError(
        Problem(message="neither a list of objects nor an object of objects", fix="write one of the two", file=file)
    )


def _object(value: Any, file: Path, line: int | None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(Problem(message="a row is not an object", fix="write `{…}`", file=file, line=line))
    return value


def _array(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        # A column of several types, such as numbers with "n/a" among them, is kept as text.
        return pa.array([None if value is None else _text(value) for value in values])


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | int | float) else str(value)


def _json(value: Any) -> str:
    """A value as JSON text, whose keys are sorted; dates and the like within it become text."""
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    except TypeError:  # keys of several types
        return json.dumps(_with_text_keys(value), ensure_ascii=False, sort_keys=True, default=str)


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list | tuple) else value
