"""The result log of an experiment: append-only Parquet segments, written by `ResultLog`, read by `read_results`."""

import re
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.errors import PermanentError
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.large_values import LargeValues
from eval_pipeline.results.result_row import RESULT_SCHEMA, table_of
from eval_pipeline.store.layout import results_prefix
from eval_pipeline.store.parquet import parquet_bytes
from eval_pipeline.store.store import Store

SEGMENT, SET_ASIDE = ".parquet", ".unreadable.json"
MERGED_ROWS = 500
IDENTITY = ["case_id", "attempt", "log_order", "started_at"]
"""By these, the row of an attempt that counts is the last: the one of the run that opened the log last, which is no
matter of a clock; and of one run, or of versions that did not store `log_order`, the one that began last."""
_NUMBERS = re.compile(r"-(\d{6})(?:-(\d{6}))?\.[a-z.]+$")

AttemptKey = tuple[str, int]
"""A case's id and the number of an attempt at it."""


class ResultLog:
    """Where one run appends its results to an experiment.

    Segments are small, because results are to be durable at once, and are merged when there are enough of them, so that
    a reader opens few files. A merged segment is named after the first and the last that it holds, which are kept.

    Args:
        store: where the experiment is.
        suite: its suite.
        experiment: its name.
        writer: names the segments: a run's id, or that of its claim, under which no other process writes.
        first: the number of the first segment; the log is listed for a free one by default.
        order: the place of the run among those that opened the log (`ResultLogView.next_order`).
    """

    def __init__(
        self, store: Store, *, suite: str, experiment: str, writer: str, first: int | None = None, order: int = 0
    ) -> None:
        self._store, self._writer, self._order = store, writer, order
        self._prefix = results_prefix(suite, experiment)
        self._values = LargeValues(store, suite, experiment)
        self._next = first
        self._unmerged: list[pa.Table] = []

    def append(self, results: Sequence[CaseResult]) -> str:
        """Write `results` as one segment, durable when this returns. Returns its key.

        Raises:
            PermanentError: another run has ended this log.
        """
        table = table_of(results, self._values, order=self._order)
        number = next_number(self._store.list(self._prefix), self._own) if self._next is None else self._next
        key = f"{self._own}{number:06d}{SEGMENT}"
        if not self._store.put_if_absent(key, bytes(parquet_bytes(table, quickly=True))):
            raise PermanentError(
                "another run has taken over the cases of this run, which gave no sign of life",
                fix="let it finish; the results that this run wrote before are kept",
            )
        self._next = number + 1
        self._unmerged.append(table)
        if sum(part.num_rows for part in self._unmerged) >= MERGED_ROWS:
            self.close()
        return key

    def keep(self, results: Sequence[CaseResult]) -> Sequence[CaseResult]:
        """As `append`. Returns the results that count: all of them, since no other process writes these segments."""
        self.append(results)
        return results

    def close(self) -> None:
        """Merge the segments that are not merged yet. Nothing is lost without it."""
        if len(self._unmerged) > 1:
            assert self._next is not None
            first, last = self._next - len(self._unmerged), self._next - 1
            self._store.put_table(f"{self._own}{first:06d}-{last:06d}{SEGMENT}", pa.concat_tables(self._unmerged))
        self._unmerged.clear()

    @property
    def _own(self) -> str:
        return f"{self._prefix}{self._writer}-"


def end_log(store: Store, suite: str, experiment: str, writer: str) -> None:
    """End the log of a writer: an empty segment takes the name of its next one, so that it writes no more rows."""
    prefix = results_prefix(suite, experiment)
    empty = bytes(parquet_bytes(RESULT_SCHEMA.empty_table(), quickly=True))
    while True:
        number = next_number(store.list(prefix), f"{prefix}{writer}-")
        if store.put_if_absent(f"{prefix}{writer}-{number:06d}{SEGMENT}", empty):
            return


def read_results(
    store: Store, suite: str, experiment: str, *, columns: list[str] | None = None, part: str = ""
) -> pa.Table:
    """Every result of an experiment, one row per case and attempt, sorted by them; the latest where there are several.

    Args:
        store: where the experiment is.
        suite: its suite.
        experiment: its name.
        columns: those to read, of `RESULT_SCHEMA`; all by default. Transcripts are most of the bytes.
        part: only what is in this folder of the log, such as a task's (`task_log.py`).

    Raises:
        CorruptDataError: a segment is not readable.
    """
    return latest_rows(read_all_rows(store, suite, experiment, columns=columns, part=part))


def read_all_rows(
    store: Store, suite: str, experiment: str, *, columns: list[str] | None = None, part: str = ""
) -> pa.Table:
    """As `read_results`, with every row that was ever written, in no order."""
    chosen = None if columns is None else list(dict.fromkeys([*IDENTITY, *columns]))
    keys = segment_keys(store, suite, experiment, part=part)
    return concat_rows([store.get_table(key, chosen) for key in keys], columns=chosen)


def concat_rows(segments: Iterable[pa.Table | None], *, columns: list[str] | None = None) -> pa.Table:
    """Segments, or these columns of them, as one table."""
    schema = RESULT_SCHEMA if columns is None else pa.schema([RESULT_SCHEMA.field(name) for name in columns])
    present = [segment for segment in segments if segment is not None]
    return pa.concat_tables([schema.empty_table(), *present], promote_options="default")


def latest_rows(table: pa.Table) -> pa.Table:
    """Of rows with the columns `IDENTITY`, the one of each attempt that counts, sorted by case and attempt."""
    # Rows of earlier versions have no order.
    orders = pc.fill_null(table.column("log_order"), 0)
    table = table.set_column(table.column_names.index("log_order"), "log_order", orders)
    ordered = table.sort_by([(name, "ascending") for name in IDENTITY])
    if ordered.num_rows == 0:
        return ordered
    case_ids, attempts = (ordered.column(name).combine_chunks() for name in ("case_id", "attempt"))
    next_differs = pc.or_(
        pc.not_equal(case_ids.slice(0, len(case_ids) - 1), case_ids.slice(1)),
        pc.not_equal(attempts.slice(0, len(attempts) - 1), attempts.slice(1)),
    )
    return ordered.filter(pa.concat_arrays([next_differs, pa.array([True])]))


def segment_keys(store: Store, suite: str, experiment: str, *, part: str = "") -> list[str]:
    """The segments of the log, or of a folder of it, that are read."""
    return live_segments(store.list(results_prefix(suite, experiment) + part))


def live_segments(keys: Iterable[str]) -> list[str]:
    """Of the objects of a log, the segments that are read: neither set aside, nor held by a merged one."""
    present = set(keys)
    segments = {
        key for key in present if key.endswith(SEGMENT) and key.removesuffix(SEGMENT) + SET_ASIDE not in present
    }
    merged = {
        f"{run}-{number:06d}{SEGMENT}"
        for run, first, last in map(segment_place, segments)
        if first != last
        for number in range(first, last + 1)
    }
    return sorted(segments - merged)


def segment_place(key: str) -> tuple[str, int, int]:
    """The run's part of a segment's key, and the numbers of the first and last segment it holds."""
    numbers = _NUMBERS.search(key)
    first, last = (-1, -1) if numbers is None else (int(numbers[1]), int(numbers[2] or numbers[1]))
    return _NUMBERS.sub("", key), first, last


def next_number(keys: Iterable[str], prefix: str) -> int:
    """The number after those of all segments whose keys begin with `prefix`."""
    return 1 + max((segment_place(key)[2] for key in keys if key.startswith(prefix)), default=-1)
