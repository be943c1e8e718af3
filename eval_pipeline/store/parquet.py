"""Tables as the bytes of Parquet files, whole or in part."""

import bisect
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from eval_pipeline.errors import CorruptDataError


def parquet_bytes(table: pa.Table, *, quickly: bool = False, rows_per_group: int | None = None) -> memoryview:
    """`table` as the bytes of a Parquet file (zstd).

    Args:
        table: what is written.
        quickly: without what makes the file small and quick to search.
        rows_per_group: so many rows can be read without the others, and pages have checksums; None: all in one group.
    """
    sink = pa.BufferOutputStream()
    if quickly:
        pq.write_table(table, sink, compression="none", use_dictionary=False, write_statistics=False)
    elif rows_per_group is not None:
        pq.write_table(table, sink, compression="zstd", row_group_size=rows_per_group, write_page_checksum=True)
    else:
        pq.write_table(table, sink, compression="zstd")
    return memoryview(sink.getvalue())


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
        raise _unreadable(uri, error) from error


def rows_of_parquet(source: pa.NativeFile, column: str, values: Collection[str], *, uri: str) -> pa.Table:
    """The rows whose `column`, of text, holds one of `wanted`; groups whose statistics exclude that are not read.

    Raises:
        CorruptDataError: the object is not readable as Parquet, or what was read is not what was written.
    """
    ordered = sorted(values)
    try:
        # Buffered ahead, neighbouring groups are one read.
        file = pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=True)
        # Among the columns as they are stored, of which a nested one is several.
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
