"""Load cases from YAML: a list of cases, or a mapping with `cases` and `defaults` for all of them."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.yaml_document import read_yaml, type_path
from eval_pipeline.suite.loaders.raw_case import RawCase


def load_yaml_cases(file: Path) -> Iterator[RawCase]:
    """The cases of `file`.

    Raises:
        InputError: the file is not YAML, or has neither form.
    """
    document = read_yaml(file)
    data = document.data
    prefix: type_path = ()
    defaults: dict[str, Any] = {}
    if isinstance(data, dict) and set(data) <= {"cases", "defaults"} and isinstance(data.get("defaults") or {}, dict):
        defaults = data.get("defaults") or {}
        data, prefix = data.get("cases"), ("cases",)
    if not isinstance(data, list):
        raise InputError(
            Problem(
                message="not a list of cases", fix="write a list, or `cases:` with a list and `defaults:`", file=file
            )
        )
    lines: dict[type_path, dict[type_path, int]] = defaultdict(dict)
    depth = len(prefix) + 1
    for path, line in document.lines.items():
        lines[path[:depth]][path[depth:]] = line
    for index, item in enumerate(data):
        start: type_path = (*prefix, index)
        merged = {**defaults, **item} if isinstance(item, dict) else item
        yield RawCase(data=merged, file=file, line=document.line_of(start), lines=lines[start])
