"""The store: named immutable objects under a root."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from eval_pipeline.store.parquet import parquet_bytes, read_parquet, rows_of_parquet


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

    def put_table(self, key: str, table: pa.Table, *, quickly: bool = False, rows_per_group: int | None = None) -> None:
        """Write a table as Parquet.

        Args:
            key: its name.
            table: what is in it.
            quickly: at a third of the time, where it is written again later.
            rows_per_group: for tables of which `get_rows` is to read a part; those have checksums in their pages.
        """
        self.put(key, parquet_bytes(table, quickly=quickly, rows_per_group=rows_per_group))

    def get_table(self, key: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Read a Parquet object, or None if there is none of that name.

        Raises:
            CorruptDataError: the object is not readable as Parquet.
        """
        data = self.get(key)
        return None if data is None else read_parquet(pa.BufferReader(data), columns, uri=self.uri(key))

    def get_rows(self, key: str, column: str, values: Collection[str]) -> pa.Table | None:
        """The rows of a Parquet object whose `column` holds one of `wanted`, in their order; None if it is not there.

        A store that can, reads only the groups of rows that may hold some, which are few where the table is sorted by
        `column` and was written with `rows_per_group`.

        Raises:
            CorruptDataError: the object is not readable as Parquet.
        """
        data = self.get(key)
        return None if data is None else rows_of_parquet(pa.BufferReader(data), column, values, uri=self.uri(key))
