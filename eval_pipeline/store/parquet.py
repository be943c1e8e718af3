"""Write tables as Parquet bytes, and read them, whole or in part."""

import bisect
from collections.abc import Collection, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from eval_pipeline.errors import CorruptDataError


def parquet_bytes(table: pa.Table, *, quickly: bool = False, rows_per_group: int | None = None) -> memoryview:
    """`table` as the bytes of a Parquet file (zstd).

    Args:
        table: the table.
        quickly: whether to skip compression, dictionaries and statistics.
        rows_per_group: the size of row groups, each of which can be read alone; pages then have checksums. By default
            all rows are in one group.
    """
    sink = pa.BufferOutputStream()
    if quickly:
        pq.write_table(table, sink, compression="none", use_dictionary=False, write_statistics=False)
    elif rows_per_group is not None:
        pq.write_table(table, sink, compression="zstd", row_group_size=rows_per_group, write_page_checksum=True)
    else:
        pq.write_table(table, sink, compression="zstd")
    return memoryview(sink.getvalue())


def parquet_of_batches(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> memoryview:
    """Batches as the bytes of a Parquet file (zstd), each a row group with checksums; one is in memory at a time."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=max(1, batch.num_rows))
    return memoryview(sink.getvalue())


def read_parquet(source: pa.NativeFile, columns: Sequence[str] | None, *, uri: str) -> pa.Table:
    """Read a table, or those of `columns` that it has: files of earlier versions lack newer columns.

    Raises:
        CorruptDataError: the object is not readable as Parquet.
    """
    try:
        file = pq.ParquetFile(source)
        names = None if columns is None else [name for name in columns if name in file.schema_arrow.names]
        return file.read(columns=names)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(uri, error) from error


def batches_of_parquet(source: pa.NativeFile, rows: int, *, uri: str) -> Iterator[pa.RecordBatch]:
    """The rows of a table in batches, of which one is in memory at a time.

    Raises:
        CorruptDataError: the object is not readable as Parquet.
    """
    try:
        yield from pq.ParquetFile(source).iter_batches(batch_size=rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(uri, error) from error


def rows_of_parquet(source: pa.NativeFile, column: str, values: Collection[str], *, uri: str) -> pa.Table:
    """The rows whose text `column` has one of `values`; row groups whose statistics exclude all of them are not read.

    Raises:
        CorruptDataError: the object is not readable as Parquet, or a page differs from its checksum.
    """
    ordered = sorted(values)
    try:
        # With pre-buffering neighbouring groups are read together.
        file = pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=True)
        # The index among stored columns, of which a nested column has several.
        place = [file.schema.column(number).path for number in range(len(file.schema))].index(column)
        groups = [
            group
            for group in range(file.metadata.num_row_groups)
            if _may_hold(file.metadata.row_group(group).column(place).statistics, ordered)
        ]
        table = file.read_row_groups(groups)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(uri, error) from error
    return table.filter(pc.is_in(table.column(column), value_set=pa.array(ordered, pa.string())))


def _may_hold(statistics: pq.Statistics | None, ordered: Sequence[str]) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    first = bisect.bisect_left(ordered, statistics.min)
    return first < len(ordered) and ordered[first] <= statistics.max


def _unreadable(uri: str, error: Exception) -> CorruptDataError:
    reason = str(error).splitlines()[0]
    return CorruptDataError(
        f"{uri} is not readable as Parquet: {reason}", fix="restore it from a backup, or delete it and run again"
    )
