"""Load cases from CSV, one case a row.

Columns: `id` and `input`; `split`, `description`, `tags` (separated by `;`), `assertions` (a JSON list), `reference`
and `metadata` (JSON objects), or `reference.NAME` and `metadata.NAME` (text).
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.loaders.raw_case import RawCase

_JSON_COLUMNS = ("assertions", "reference", "metadata", "turns", "runtime")
_REQUIRED = ("id", "input")


def load_csv_cases(file: Path) -> Iterator[RawCase]:
    """The cases of `file`, UTF-8 with a header.

    Raises:
        InputError: a required column is missing, a cell is not JSON where it must be, a row is longer than the header,
            or the file is not CSV.
    """
    problems: list[Problem] = []
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        try:
            columns = _columns(next(reader, []), file)
            line = reader.line_num + 1
            for cells in reader:
                # A row may span several lines; an empty line is an empty row.
                if cells:
                    data = _case_data(columns, cells, file=file, line=line, problems=problems)
                    yield RawCase(data=data, file=file, line=line)
                line = reader.line_num + 1
        except csv.Error as error:
            raise InputError(
                Problem(
                    message=f"not readable as CSV: {error}", fix="correct that row", file=file, line=reader.line_num
                )
            ) from error
    if problems:
        raise InputError(problems)


def _columns(header: list[str], file: Path) -> list[str]:
    missing = [name for name in _REQUIRED if name not in header and not (name == "input" and "turns" in header)]
    if missing:
        present, names = ", ".join(header) or "none", ", ".join(missing)
        fix = f"add it to the header; columns found: {present}"
        raise InputError(Problem(message=f"column {names} is missing", fix=fix, file=file))
    return header


def _case_data(
    columns: list[str], cells: list[str], *, file: Path, line: int, problems: list[Problem]
) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if len(cells) > len(columns):
        problems.append(
            Problem(
                message="the row has more cells than the header",
                fix="quote cells that hold commas",
                file=file,
                line=line,
            )
        )
    row = dict(zip(columns, cells, strict=False))
    for column, cell in row.items():
        if not cell:
            continue
        outer, _, inner = column.partition(".")
        if inner and outer in ("reference", "metadata"):
            data.setdefault(outer, {})[inner] = cell
        elif column == "tags":
            data[column] = [tag.strip() for tag in cell.split(";") if tag.strip()]
        elif column in _JSON_COLUMNS:
            try:
                data[column] = json.loads(cell)
            except (json.JSONDecodeError, RecursionError) as error:
                reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
                problems.append(
                    Problem(
                        message=f"the cell is not JSON: {reason}",
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
