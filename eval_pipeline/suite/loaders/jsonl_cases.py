"""Load cases from JSONL: one case a line, with the same fields as in YAML."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.loaders.raw_case import RawCase


def load_jsonl_cases(file: Path) -> Iterator[RawCase]:
    """The cases of `file`; empty lines are skipped.

    Raises:
        InputError: a line is not JSON.
    """
    for line, data in read_jsonl(file):
        yield RawCase(data=data, file=file, line=line)


def read_jsonl(file: Path) -> Iterator[tuple[int, Any]]:
    """Each line's number (1-based) and value; empty lines are skipped.

    Raises:
        InputError: raised after the last line; carries a problem for every line that is not JSON.
    """
    problems = []
    with file.open(encoding="utf-8-sig") as lines:
        for number, text in enumerate(lines, start=1):
            if not text.strip():
                continue
            try:
                value = json.loads(text)
            except json.JSONDecodeError as error:
                problems.append(
                    Problem(message=f"not JSON: {error.msg}", fix="one JSON value a line", file=file, line=number)
                )
                continue
            except RecursionError:
                problems.append(Problem(message="nested too deeply", fix="write flatter JSON", file=file, line=number))
                continue
            yield number, value
    if problems:
        raise InputError(problems)
