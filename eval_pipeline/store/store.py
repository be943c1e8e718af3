"""The store: named immutable objects under a root."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.store.parquet import batches_of_parquet, parquet_bytes, read_parquet, rows_of_parquet


def checked_key(key: str) -> str:
    """`key`, which names something within the store.

    Raises:
        InputError: it leads out of the store, or is no key.
    """
    parts = key.removesuffix("/").split("/")
    if key and (any(part in ("", ".", "..") for part in parts) or not key.isprintable() or "\\" in key):
        message = f"{key!r} is not a key of a store"
        raise InputError(
            Problem(message=message, fix="use names without `..`, `//`, backslashes and control characters")
        )
    return key


class Store(ABC):
    """Objects named by keys with `/` as separator. Writes are atomic, and durable when they return."""

    @property
    @abstractmethod
    def root(self) -> str:
        """The URI of the store, for users."""

    @abstractmethod
    def put(self, key: str, data: bytes | memoryview) -> None:
        """Write an object, and replace an existing one.

        Raises:
            TransientError: the store could not be reached, or is full.
        """

    @abstractmethod
    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write an object unless it exists; of concurrent writers exactly one gets True.

        Raises:
            TransientError: the store could not be reached, or is full.
        """

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """The bytes of an object, or None if it does not exist.

        Raises:
            TransientError: the store could not be reached.
        """

    @abstractmethod
    def list(self, prefix: str) -> Iterator[str]:
        """The keys under `prefix`, sorted; `prefix` ends with `/`."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete an object, if it exists. For what `eval-pipeline prune` removes: objects that are referred to stay.

        Raises:
            TransientError: the store could not be reached.
        """

    def uri(self, key: str) -> str:
        """The URI of an object, for users."""
        return f"{self.root.rstrip('/')}/{key}"

    def put_table(self, key: str, table: pa.Table, *, quickly: bool = False, rows_per_group: int | None = None) -> None:
        """Write a table as Parquet.

        Args:
            key: the key of the object.
            table: the table.
            quickly: whether to write it in a third of the time and larger, for tables that are rewritten later.
            rows_per_group: the size of row groups, for tables that `get_rows` reads in part.
        """
        self.put(key, parquet_bytes(table, quickly=quickly, rows_per_group=rows_per_group))

    def get_table(self, key: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Read a Parquet object; None if it does not exist.

        Raises:
            CorruptDataError: the object is not readable as Parquet.
        """
        data = self.get(key)
        return None if data is None else read_parquet(pa.BufferReader(data), columns, uri=self.uri(key))

    def get_batches(self, key: str, rows: int) -> Iterator[pa.RecordBatch] | None:
        """Read a Parquet object in batches of at most `rows`; None if it does not exist.

        Raises:
            CorruptDataError: the object is not readable as Parquet; raised by the iterator.
        """
        data = self.get(key)
        return None if data is None else batches_of_parquet(pa.BufferReader(data), rows, uri=self.uri(key))

    def get_rows(self, key: str, column: str, values: Collection[str]) -> pa.Table | None:
        """The rows of a Parquet object whose `column` has one of `values`, in order; None if it does not exist.

        Stores read only row groups that may have such rows, if they can; these are few if the table is sorted by
        `column` and was written with `rows_per_group`.

        Raises:
            CorruptDataError: the object is not readable as Parquet.
        """
        data = self.get(key)
        return None if data is None else rows_of_parquet(pa.BufferReader(data), column, values, uri=self.uri(key))
