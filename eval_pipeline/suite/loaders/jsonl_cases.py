"""Load cases from JSONL: one case a line, with the same fields as in YAML."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.json_document import json_reason, parse_json
from eval_pipeline.suite.documents.text_file import read_lines
from eval_pipeline.suite.loaders.raw_case import RawCase


def load_jsonl_cases(file: Path) -> Iterator[RawCase]:
    """The cases of `file`; empty lines are skipped.

    Raises:
        InputError: a line is not JSON, or has a key twice.
    """
    for line, data in read_jsonl(file):
        yield RawCase(data=data, file=file, line=line)


def read_jsonl(file: Path) -> Iterator[tuple[int, Any]]:
    """Each line's number (1-based) and value; empty lines are skipped.

    Raises:
        InputError: raised after the last line; carries a problem for every line that is not JSON.
    """
    problems = []
    for number, text in enumerate(read_lines(file), start=1):
        if not text.strip():
            continue
        try:
            value = parse_json(text)
        except ValueError as error:
            problems.append(Problem(message=json_reason(error), fix="one JSON value a line", file=file, line=number))
            continue
        yield number, value
    if problems:
        raise InputError(problems)
