"""Read human labels of results from a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.csv_file import read_csv
from eval_pipeline.suite.loaders.jsonl_cases import read_jsonl
from eval_pipeline.wording import nearest

_YES = frozenset({"true", "yes", "pass", "passed"})
_NO = frozenset({"false", "no", "fail", "failed"})
_REQUIRED = ("case_id", "assertion", "label")


@dataclass(frozen=True, kw_only=True)
class HumanLabel:
    """A human label of one assertion's result."""

    case_id: str
    assertion: str
    """The name of the result."""
    label: bool | float | str
    """Yes or no (also `pass`, `fail` and the like), a number, or a category."""
    attempt: int | None = None
    """1 for the first; None if there is only one."""
    turn: int | None = None
    """0 for the first turn; needed where several turns have an assertion of this name."""
    place: str = ""
    """The row, for messages."""


def read_labels(file: Path) -> list[HumanLabel]:
    """The labels in a CSV, JSONL or Parquet file with the columns `case_id`, `assertion` and `label`.

    `attempt` and `turn` may be given as well; other columns are ignored.

    Raises:
        InputError: the file cannot be read, or rows lack a required column; carries every problem.
    """
    if not file.is_file():
        raise InputError(Problem(message="there is no such file", fix="give a file of labels", file=file))
    readers = {".csv": _csv_rows, ".jsonl": read_jsonl, ".parquet": _parquet_rows}
    if file.suffix not in readers:
        raise InputError(
            Problem(
                message=f"labels are not read from {file.suffix or 'such'} files",
                fix=f"use {', '.join(readers)}",
                file=file,
            )
        )
    labels: list[HumanLabel] = []
    problems: list[Problem] = []
    rows = list(readers[file.suffix](file))
    columns = {str(name) for _, row in rows if isinstance(row, Mapping) for name in row}
    if columns and (missing := [name for name in _REQUIRED if name not in columns]):
        raise InputError(
            Problem(message=f"there is no column {name!r}", fix=nearest(name, columns - {*_REQUIRED}), file=file)
            for name in missing
        )
    for line, row in rows:
        label = _label(row, file=file, line=line)
        if isinstance(label, Problem):
            problems.append(label)
        else:
            labels.append(label)
    if problems:
        raise InputError(problems)
    return labels


def _label(row: Any, *, file: Path, line: int) -> HumanLabel | Problem:
    if not isinstance(row, Mapping):
        return Problem(message="the row is no object", fix="write fields", file=file, line=line)
    lacking = [name for name in _REQUIRED if row.get(name) in (None, "")]
    if lacking:
        return Problem(message=f"{', '.join(lacking)} missing", fix="add it", file=file, line=line, field=lacking[0])
    try:
        attempt, turn = (None if row.get(name) in (None, "") else int(row[name]) for name in ("attempt", "turn"))
    except (TypeError, ValueError):
        return Problem(message="attempt and turn are whole numbers", fix="correct them", file=file, line=line)
    return HumanLabel(
        case_id=str(row["case_id"]),
        assertion=str(row["assertion"]),
        label=_value(row["label"]),
        attempt=attempt,
        turn=turn,
        place=f"{file}:{line}",
    )


def _value(value: Any) -> bool | float | str:
    if isinstance(value, bool | int | float):
        return value
    text = str(value).strip()
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    try:
        return float(text)
    except ValueError:
        return text


def _csv_rows(file: Path) -> Iterator[tuple[int, Any]]:
    table = read_csv(file, required=_REQUIRED)
    for line, cells in table.rows:
        yield line, dict(zip(table.columns, cells, strict=False))


def _parquet_rows(file: Path) -> Iterator[tuple[int, Any]]:
    try:
        rows = pq.read_table(file).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(Problem(message=f"not Parquet: {error}", fix="write it again", file=file)) from error
    yield from enumerate(rows, start=1)
