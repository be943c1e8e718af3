"""The sources of a context: rows, and a version that changes when they do."""

import functools
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from eval_pipeline.context.queries import query_database, query_tables, shown_url
from eval_pipeline.context.table_files import read_table_file, table_of_frame, table_of_rows, with_key
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.store.content_hash import digest
from eval_pipeline.store.parquet import parquet_bytes
from eval_pipeline.suite.code.version import named_in, source_digest
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.suite.spec.context import (
    AssetSource,
    DatabaseSource,
    FileSource,
    PythonSource,
    SqlSource,
    TableSource,
)
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suite.upstream_assets import asset_reader, table_of_value

_READ_ANOTHER_WAY = {".csv": ("2",)}
"""By suffix, what changes the versions of files whose rows are read in another way than by earlier releases."""


class Source(Protocol):
    """A source of rows."""

    @property
    def version(self) -> str:
        """A hash of what decides the rows; cheap where the kind of source allows it."""

    def read(self, tables: Mapping[str, pa.Table]) -> pa.Table:
        """The rows; `tables` are those read before this one."""


def source_of(spec: TableSource, *, suite: Suite, place: str, earlier: Mapping[str, "Source"]) -> Source:
    """The source that `spec` describes.

    Args:
        spec: as written.
        suite: for paths.
        place: the field of suite.yaml, for errors.
        earlier: sources of the tables named before this one, which a `sql` source may read.
    """
    if isinstance(spec, FileSource):
        return _File(spec, suite)
    if isinstance(spec, AssetSource):
        return _Asset(spec)
    if isinstance(spec, SqlSource):
        return _Sql(spec, place, [source.version for source in earlier.values()])
    if isinstance(spec, DatabaseSource):
        return _Database(spec, place)
    return _Python(spec, suite, place)


@dataclass
class _File:
    spec: FileSource
    suite: Suite

    @functools.cached_property
    def version(self) -> str:
        file = self.suite.path(self.spec.file)
        if not file.is_file():
            raise InputError(
                Problem(message="the file does not exist", fix="create it, or correct the path", file=file)
            )
        with file.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        # The path is left out: the same data elsewhere is the same context.
        read_as = [file.suffix, *_READ_ANOTHER_WAY.get(file.suffix, ())]
        return digest("file", sha256, *read_as, self.spec.key, self.spec.columns, self.spec.text_columns)

    def read(self, tables: Mapping[str, pa.Table]) -> pa.Table:
        del tables
        spec = self.spec
        return read_table_file(
            self.suite.path(spec.file), key=spec.key, columns=spec.columns, text_columns=spec.text_columns
        )


@dataclass
class _Asset:
    spec: AssetSource

    @functools.cached_property
    def version(self) -> str:
        spec = self.spec
        version = asset_reader(spec.asset).version(spec.asset)
        return digest("asset", spec.asset, version, spec.key, spec.columns, spec.text_columns)

    def read(self, tables: Mapping[str, pa.Table]) -> pa.Table:
        del tables
        spec = self.spec
        value = asset_reader(spec.asset).read(spec.asset)
        if isinstance(value, Path):
            return read_table_file(value, key=spec.key, columns=spec.columns, text_columns=spec.text_columns)
        table = table_of_value(value, spec.asset)
        missing = [
            name for name in (*spec.columns, *([spec.key] if spec.key else [])) if name not in table.column_names
        ]
        if missing:
            message = f"the asset {'/'.join(spec.asset)} has no column {', '.join(missing)}"
            raise InputError(Problem(message=message, fix=f"use one of {', '.join(table.column_names)}"))
        return with_key(table, spec.key) if spec.key else table


@dataclass
class _Sql:
    spec: SqlSource
    place: str
    inputs: list[str]

    @property
    def version(self) -> str:
        return digest("sql", self.spec.sql, self.inputs)

    def read(self, tables: Mapping[str, pa.Table]) -> pa.Table:
        return query_tables(self.spec.sql, tables, place=self.place)


@dataclass
class _Database:
    spec: DatabaseSource
    place: str

    @functools.cached_property
    def version(self) -> str:
        if self.spec.version is None:
            state = hashlib.sha256(parquet_bytes(self._rows)).hexdigest()
        else:
            state = json.dumps(
                query_database(self.spec.database, self.spec.version, place=self.place).to_pylist(), default=str
            )
        return digest("database", shown_url(self.spec.database), self.spec.sql, state)

    def read(self, tables: Mapping[str, pa.Table]) -> pa.Table:
        del tables
        return self._rows

    @functools.cached_property
    def _rows(self) -> pa.Table:
        return query_database(self.spec.database, self.spec.sql, place=self.place)


@dataclass
class _Python:
    spec: PythonSource
    suite: Suite
    place: str

    @property
    def version(self) -> str:
        spec, folder = self.spec, self.suite.folder
        source = source_digest(spec.python, folder=folder, version_files=spec.version_files)
        named = named_in(spec.args, folder=folder)
        return digest("python", spec.python, source, dict(spec.args), spec.version, *([named] if named else []))

    def read(self, tables: Mapping[str, pa.Table]) -> pa.Table:
        del tables
        rows = resolve(self.spec.python, folder=self.suite.folder)(**self.spec.args)
        if isinstance(rows, pa.Table):
            return rows
        if _is_frame(rows):
            return table_of_frame(rows)
        if isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows):
            return table_of_rows(rows)
        fix = "return a pyarrow table, a pandas frame or a list of mappings"
        raise InputError(
            Problem(message=f"{self.spec.python!r} returned a {type(rows).__name__}", fix=fix, field=self.place)
        )


def _is_frame(rows: Any) -> bool:
    """Whether it is a pandas frame; without importing pandas, which takes half a second, and which a frame implies."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(rows, pandas.DataFrame)
