"""Assets of the Dagster deployment that a suite reads: its sources name them by key, and Dagster's side reads them.

What knows the deployment, such as a step, a sensor or the terminal, provides the reader with `assets_read_by`.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from eval_pipeline.errors import InputError, Problem

if TYPE_CHECKING:
    import pyarrow as pa

AssetPath = tuple[str, ...]


class AssetReader(Protocol):
    """Reads assets of one Dagster deployment."""

    def version(self, key: AssetPath) -> str:
        """The data version of the latest materialization or observation."""

    def read(self, key: AssetPath) -> Any:
        """The file that its metadata names, as a `Path`; or else the value that its IO manager loads."""


_reader: ContextVar[AssetReader | None] = ContextVar("asset_reader", default=None)
_default: list[Callable[[], AssetReader]] = []
"""What makes the reader of a process that sets none, such as a terminal."""


@contextlib.contextmanager
def assets_read_by(reader: AssetReader) -> Iterator[None]:
    """Have `reader` read the assets that suites name, in this task and those that it starts."""
    token = _reader.set(reader)
    try:
        yield
    finally:
        _reader.reset(token)


def read_assets_by_default(make: Callable[[], AssetReader]) -> None:
    """Have a reader that `make` makes once it is needed, where none is set. For entry points."""
    _default[:] = [make]


def asset_reader(key: AssetPath) -> AssetReader:
    """The reader of an asset.

    Raises:
        InputError: none is set.
    """
    reader = _reader.get()
    if reader is None and _default:
        reader = _default[0]()
    if reader is None:
        message = f"{'/'.join(key)} is an asset of a Dagster deployment, which is not known here"
        raise InputError(Problem(message=message, fix="evaluate the suite in Dagster, or with `eval-pipeline run`"))
    return reader


def table_of_value(value: Any, key: AssetPath) -> "pa.Table":
    """The rows of a value that an IO manager loaded: a pyarrow table, a pandas or Polars frame, or mappings.

    Raises:
        InputError: it is something else.
    """
    import pyarrow as pa  # noqa: PLC0415 - the terminal imports this module, and its `--help` must be quick

    if isinstance(value, pa.Table):
        return value
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return pa.Table.from_pandas(value, preserve_index=False)
    if callable(to_arrow := getattr(value, "to_arrow", None)):
        return to_arrow()
    if isinstance(value, Sequence) and all(isinstance(row, Mapping) for row in value):
        return pa.Table.from_pylist([dict(row) for row in value])
    message = f"the asset {'/'.join(key)} is a {type(value).__name__}, not rows"
    fix = "have its IO manager load a pyarrow table, a frame or a list of mappings, or name a file as `path` metadata"
    raise InputError(Problem(message=message, fix=fix))
