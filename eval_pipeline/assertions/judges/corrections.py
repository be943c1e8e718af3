"""Files of corrections: people's verdicts on answers, which judges are shown as examples."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.loaders.jsonl_cases import read_jsonl
from eval_pipeline.suite.spec.judge import Judge

_NEEDED = ("input", "output", "verdict")


def examples_for(judge: Judge, assertion_name: str, *, folder: Path) -> Sequence[Mapping[str, Any]]:
    """The corrections that the judge of an assertion is shown, oldest first.

    Raises:
        InputError: the file cannot be read, or a row lacks what it needs.
    """
    if judge.corrections is None or judge.corrections.file is None:
        return ()
    file = folder / Path(judge.corrections.file).expanduser()
    rows = [row for row in read_corrections(file) if row.get("assertion") in (None, assertion_name)]
    return rows[-judge.corrections.limit :]


def read_corrections(file: Path) -> Sequence[Mapping[str, Any]]:
    """Every row of a file of corrections, in its order; `score` is the verdict of a row without one.

    Raises:
        InputError: as `examples_for`.
    """
    try:
        changed = file.stat().st_mtime_ns
    except OSError as error:
        problem = Problem(message=f"no corrections: {error.strerror}", fix="create it, or correct the path", file=file)
        raise InputError(problem) from error
    return _read(file, changed)


@functools.lru_cache(maxsize=16)
def _read(file: Path, _changed: int) -> Sequence[Mapping[str, Any]]:
    rows = _parquet_rows(file) if file.suffix == ".parquet" else [row for _, row in read_jsonl(file)]
    return [_checked(row, file=file, number=number) for number, row in enumerate(rows, start=1)]


def _parquet_rows(file: Path) -> list[Any]:
    try:
        rows: list[Any] = pq.read_table(file).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(Problem(message=f"not Parquet: {error}", fix="write it again", file=file)) from error
    return rows


def _checked(row: Any, *, file: Path, number: int) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise InputError(Problem(message=f"correction {number} is no object", fix="write fields", file=file))
    correction = {"verdict": row.get("score"), **{name: value for name, value in row.items() if value is not None}}
    lacking = [name for name in _NEEDED if correction.get(name) is None]
    if lacking:
        message = f"correction {number} lacks {', '.join(lacking)}"
        raise InputError(Problem(message=message, fix="give it", file=file, field=lacking[0]))
    return correction
