"""Read CSV strictly: what another reader could take for fewer rows, or for other cells, is an error with its line."""

import contextlib
import csv
import io
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.text_file import read_text

_DELIMITERS = (",", ";", "\t")
_limit = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class CsvFile:
    """A CSV file: its header, and its rows with the 1-based line on which each begins."""

    text: str
    delimiter: str
    columns: Sequence[str]
    rows: Sequence[tuple[int, list[str]]]
    """Without empty lines. No row has more cells than there are columns; one may have fewer."""


def read_csv(file: Path, *, required: Sequence[str] = (), comment: str | None = None) -> CsvFile:
    """Read a CSV file with a header; commas, semicolons or tabs separate its cells.

    Args:
        file: the file.
        required: columns that tell one separator from another; the caller checks that they are there.
        comment: how lines begin that are no rows.

    Raises:
        InputError: the file cannot be read, has a column twice, a quote that is never closed, text after a closing
            quote, or a row with more cells than the header.
    """
    text = read_text(file)
    if comment is not None:
        text = "\n".join("" if line.lstrip().startswith(comment) else line for line in text.splitlines())
    delimiter = _delimiter(text, required)
    # Cells may be as long as they are; the limit is the module's, for all readers of the process.
    with _limit, _unlimited_cells():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        rows, line = [], 1
        try:
            for cells in reader:
                if cells:
                    rows.append((line, cells))
                line = reader.line_num + 1
        except csv.Error as error:
            raise InputError(_unreadable(error, file, line)) from error
    _, columns = rows.pop(0) if rows else (1, [])
    problems = [*_columns_given_twice(columns, file), *_rows_too_long(rows, len(columns), delimiter, file)]
    if problems:
        raise InputError(problems)
    return CsvFile(text=text, delimiter=delimiter, columns=columns, rows=rows)


def _delimiter(text: str, required: Sequence[str]) -> str:
    """The first separator with which the header has the required columns, or more than one column."""
    header = text.lstrip("\r\n").partition("\n")[0].rstrip("\r")
    for delimiter in _DELIMITERS:
        columns = next(csv.reader([header], delimiter=delimiter), [])
        if set(required) <= set(columns) if required else len(columns) > 1:
            return delimiter
    return _DELIMITERS[0]


@contextlib.contextmanager
def _unlimited_cells() -> Iterator[None]:
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _unreadable(error: csv.Error, file: Path, line: int) -> Problem:
    if "unexpected end of data" in str(error):
        fix = "close it, or write a quote within a quoted cell twice"
        return Problem(message="a quote that opens in this row is never closed", fix=fix, file=file, line=line)
    if "expected after" in str(error):
        message = "not readable as CSV: text follows a closing quote in this row"
        fix = "write a quote within a quoted cell twice, and close the quote that opens here or above"
        return Problem(message=message, fix=fix, file=file, line=line)
    return Problem(message=f"not readable as CSV: {error}", fix="correct that row", file=file, line=line)


def _columns_given_twice(columns: Sequence[str], file: Path) -> Iterator[Problem]:
    for name, count in Counter(columns).items():
        if count > 1:
            message = f"column {name} is given twice" if name else "two columns have no name"
            yield Problem(message=message, fix="rename one of the two, or remove it", file=file, line=1)


def _rows_too_long(rows: Sequence[tuple[int, list[str]]], width: int, delimiter: str, file: Path) -> Iterator[Problem]:
    kind = {",": "commas", ";": "semicolons"}.get(delimiter, "tabs")
    for line, cells in rows:
        if len(cells) > width:
            message = "the row has more cells than the header"
            yield Problem(message=message, fix=f"quote cells that hold {kind}", file=file, line=line)
