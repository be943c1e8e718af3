"""The store: named immutable objects under a root.

Belongs here: the interface every kind of store has. Does not belong here: what is stored under
which name (`store/layout.py`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from eval_pipeline.errors import CorruptDataError


class Store(ABC):
    """Objects named by `/`-separated keys. A write is seen whole or not at all, and durable on return."""

    @property
    @abstractmethod
    def root(self) -> str:
        """The store's URI, as shown to users."""

    @abstractmethod
    def put(self, key: str, data: bytes | memoryview) -> None:
        """Write an object, replacing one of that name.

        Raises:
            TransientError: the store could not be reached or had no room.
        """

    @abstractmethod
    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one of that name; of several writers exactly one gets True.

        Raises:
            TransientError: the store could not be reached or had no room.
        """

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None if there is no object of that name.

        Raises:
            TransientError: the store could not be reached.
        """

    @abstractmethod
    def list(self, prefix: str) -> Iterator[str]:
        """The keys under `prefix`, in order; `prefix` ends at a `/`."""

    def uri(self, key: str) -> str:
        """What to show a user for an object."""
        return f"{self.root.rstrip('/')}/{key}"

    def put_table(self, key: str, table: pa.Table, *, quickly: bool = False) -> None:
        """Write a table as Parquet (zstd); `quickly`, at a third of the time, where it is written again later."""
        self.put(key, parquet_bytes(table, quickly=quickly))

    def get_table(self, key: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Read a Parquet object, or None if there is none of that name.

        Raises:
            CorruptDataError: the object is not readable as Parquet.
        """
        data = self.get(key)
        return None if data is None else read_parquet(pa.BufferReader(data), columns, uri=self.uri(key))


def read_parquet(source: pa.NativeFile, columns: Sequence[str] | None, *, uri: str) -> pa.Table:
    """A table, or those of the wanted columns that it has: a file written before a column was thought of lacks it.

    Raises:
        CorruptDataError: the object is not readable as Parquet.
    """
    try:
        file = pq.ParquetFile(source)
        names = None if columns is None else [name for name in columns if name in file.schema_arrow.names]
        return file.read(columns=names)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CorruptDataError(
            f"{uri} is not readable as Parquet: {reason}",
            fix="restore it from a backup, or delete it and run again",
        ) from error


def parquet_bytes(table: pa.Table, *, quickly: bool = False) -> memoryview:
    """`table` as the bytes of a Parquet file (zstd); `quickly`, without what makes it small and quick to search."""
    sink = pa.BufferOutputStream()
    if quickly:
        pq.write_table(table, sink, compression="none", use_dictionary=False, write_statistics=False)
    else:
        pq.write_table(table, sink, compression="zstd")
    return memoryview(sink.getvalue())
