"""Load cases from CSV, one case a row.

Columns: `id` and `input`; `split`, `description`, `tags` (separated by `;`), and all other fields of a case as JSON,
such as `assertions`, `inputs`, `reference` and `metadata`; or `inputs.NAME`, `reference.NAME`, `metadata.NAME` (text).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.csv_file import read_csv
from eval_pipeline.suite.documents.json_document import json_reason, parse_json
from eval_pipeline.suite.loaders.raw_case import RawCase

_JSON_COLUMNS = frozenset(
    {
        *("assertions", "reference", "metadata", "turns", "runtime", "inputs", "messages", "attachments"),
        *("context", "configurable", "state", "simulation", "on_interrupt", "recordings"),
    }
)
_OBJECTS = frozenset({"reference", "metadata", "inputs", "context", "configurable", "state"})
"""Columns that may also be given as one for each key, such as `reference.answer`."""
_SPOKEN = frozenset({"turns", "inputs", "simulation", "recordings"})
"""Columns that stand for `input`."""


def load_csv_cases(file: Path) -> Iterator[RawCase]:
    """The cases of `file`, with a header.

    Raises:
        InputError: a required column is missing or is given twice, a cell is not JSON where it must be, a row is longer
            than the header, a quote is never closed, or the file is not CSV.
    """
    problems: list[Problem] = []
    table = read_csv(file, required=("id",))
    _require_columns(table.columns, file)
    for line, cells in table.rows:
        data = _case_data(table.columns, cells, file=file, line=line, problems=problems)
        yield RawCase(data=data, file=file, line=line)
    if problems:
        raise InputError(problems)


def _require_columns(header: Sequence[str], file: Path) -> None:
    spoken = any(column.partition(".")[0] in _SPOKEN for column in header)
    missing = [name for name in ("id", "input") if name not in header and not (name == "input" and spoken)]
    if missing:
        present, names = ", ".join(header) or "none", ", ".join(missing)
        fix = f"add it to the header; columns found: {present}"
        raise InputError(Problem(message=f"column {names} is missing", fix=fix, file=file))


def _case_data(
    columns: Sequence[str], cells: list[str], *, file: Path, line: int, problems: list[Problem]
) -> dict[str, Any]:
    data: dict[str, Any] = {}
    row = dict(zip(columns, cells, strict=False))
    for column, cell in row.items():
        if not cell:
            continue
        outer, _, inner = column.partition(".")
        if inner and outer in _OBJECTS:
            data.setdefault(outer, {})[inner] = cell
        elif column == "tags":
            data[column] = [tag.strip() for tag in cell.split(";") if tag.strip()]
        elif column in _JSON_COLUMNS:
            try:
                data[column] = parse_json(cell)
            except ValueError as error:
                problems.append(
                    Problem(
                        message=f"the cell is {json_reason(error)}",
                        fix="write JSON there",
                        file=file,
                        line=line,
                        case=row.get("id"),
                        field=column,
                    )
                )
        else:
            data[column] = cell
    return data
