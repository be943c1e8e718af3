"""Parse JSON that users write: a key that an object has twice is an error, not the last one's value."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON (`json.JSONDecodeError`), an object has a key twice, the nesting is too deep, or a
            number is too long.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("nested too deeply; write flatter JSON") from error


def parse_json_file(file: Path, text: str) -> Any:
    """The value of a file that is one JSON document.

    Raises:
        InputError: as `parse_json`, at the line of the error.
    """
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        problem = Problem(message=f"not JSON: {error.msg}", fix="correct it", file=file, line=error.lineno)
        raise InputError(problem) from error
    except ValueError as error:
        raise InputError(Problem(message=json_reason(error), fix="correct it", file=file)) from error


def json_reason(error: ValueError) -> str:
    """Why `parse_json` failed, in one line without the position."""
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg}"
    return "a number has too many digits" if "integer string conversion" in str(error) else str(error)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for index, key in enumerate(keys) if key in keys[:index])
        raise ValueError(f"key {twice!r} is given twice; keep one of the two")
    return values
