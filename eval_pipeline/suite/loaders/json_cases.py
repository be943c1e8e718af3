"""Load cases from JSON: a list of cases, or an object with `cases` and `defaults` for all of them, as in YAML."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.json_document import parse_json_file
from eval_pipeline.suite.documents.text_file import read_text
from eval_pipeline.suite.loaders.raw_case import RawCase


def load_json_cases(file: Path) -> Iterator[RawCase]:
    """The cases of `file`.

    Raises:
        InputError: the file is not JSON, or has neither form.
    """
    data = parse_json_file(file, read_text(file))
    defaults: dict[str, Any] = {}
    if isinstance(data, dict) and set(data) <= {"cases", "defaults"} and isinstance(data.get("defaults") or {}, dict):
        defaults, data = data.get("defaults") or {}, data.get("cases")
    if not isinstance(data, list):
        fix = "write a list, or `cases` with a list and `defaults`"
        raise InputError(Problem(message="not a list of cases", fix=fix, file=file))
    for item in data:
        yield RawCase(data={**defaults, **item} if isinstance(item, dict) else item, file=file)
