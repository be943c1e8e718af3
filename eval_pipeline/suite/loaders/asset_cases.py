"""Load cases from an asset of the Dagster deployment: a file that its metadata names, or rows."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.loaders.mapped_rows import load_mapped_rows
from eval_pipeline.suite.loaders.raw_case import RawCase
from eval_pipeline.suite.spec.case_source import AssetCases
from eval_pipeline.suite.upstream_assets import asset_reader, table_of_value

Loaders = Mapping[str, Callable[[Path], Iterator[RawCase]]]


def load_asset_cases(source: AssetCases, loaders: Loaders) -> Iterator[RawCase]:
    """The cases of an asset.

    Raises:
        InputError: the asset cannot be read here, or its rows are no cases.
    """
    value = asset_reader(source.asset).read(source.asset)
    if isinstance(value, Path):
        yield from _of_file(value, source, loaders)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cases.parquet"
        pq.write_table(table_of_value(value, source.asset), file)
        named = Path(f"asset {'/'.join(source.asset)}")
        yield from (replace(raw, file=named) for raw in _of_file(file, source, loaders))


def _of_file(file: Path, source: AssetCases, loaders: Loaders) -> Iterator[RawCase]:
    if source.columns:
        yield from load_mapped_rows(file, source.columns)
        return
    if file.suffix not in loaders:
        message, fix = f"cases cannot be read from {file.suffix!r} files", f"use one of {', '.join(loaders)}"
        raise InputError(Problem(message=message, fix=fix, file=file))
    yield from loaders[file.suffix](file)
