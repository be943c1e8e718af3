"""The result log of an experiment: append-only Parquet segments, each durable before anybody says so."""

import json
import re
from collections.abc import Container, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.results.case_result import RESULT_SCHEMA, CaseResult
from eval_pipeline.results.stored_result import result_of_row
from eval_pipeline.store.layout import results_prefix
from eval_pipeline.store.store import Store

_SEGMENT, _SET_ASIDE = ".parquet", ".unreadable.json"
MERGED_ROWS = 500
_NUMBERS = re.compile(r"-(\d{6})(?:-(\d{6}))?\.[a-z.]+$")
_IDENTITY = ["case_id", "attempt", "started_at"]

AttemptKey = tuple[str, int]
"""A case's id and the number of an attempt at it."""


class ResultLog:
    """Where one run appends its results to an experiment.

    Segments are small, because results are to be durable at once, and are merged when there are enough: a reader opens
    few files. A merged segment is named after the first and last of those it holds, which are left where they are.
    """

    def __init__(self, store: Store, *, suite: str, experiment: str, run_id: str) -> None:
        self._store, self._run_id = store, run_id
        self._prefix = results_prefix(suite, experiment)
        self._next: int | None = None
        self._unmerged: list[pa.Table] = []

    def append(self, results: Sequence[CaseResult]) -> str:
        """Write `results` as one segment, durable when this returns. Returns its key."""
        table = pa.Table.from_pylist([result.to_row() for result in results], schema=RESULT_SCHEMA)
        number = self._free_number() if self._next is None else self._next
        key = f"{self._prefix}{self._run_id}-{number:06d}{_SEGMENT}"
        self._store.put_table(key, table, quickly=True)
        self._next = number + 1
        self._unmerged.append(table)
        if sum(part.num_rows for part in self._unmerged) >= MERGED_ROWS:
            self.close()
        return key

    def keep(self, results: Sequence[CaseResult]) -> Sequence[CaseResult]:
        """As `append`. Returns those of `results` that count, which are all of them: nobody else writes here."""
        self.append(results)
        return results

    def close(self) -> None:
        """Merge what is left to be merged. Nothing is lost without it."""
        if len(self._unmerged) > 1:
            assert self._next is not None
            first, last = self._next - len(self._unmerged), self._next - 1
            key = f"{self._prefix}{self._run_id}-{first:06d}-{last:06d}{_SEGMENT}"
            self._store.put_table(key, pa.concat_tables(self._unmerged))
        self._unmerged.clear()

    def _free_number(self) -> int:
        """One that no segment has: a run whose worker died may go on, under its id, in another one."""
        own = f"{self._prefix}{self._run_id}-"
        taken = [_numbers(key)[1] for key in self._store.list(self._prefix) if key.startswith(own)]
        return max(taken, default=-1) + 1


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
    table = read_all_rows(store, suite, experiment, columns=columns, part=part)
    ordered = table.sort_by([(name, "ascending") for name in _IDENTITY])
    return ordered.filter(_last_of_each(ordered))


def read_all_rows(
    store: Store, suite: str, experiment: str, *, columns: list[str] | None = None, part: str = ""
) -> pa.Table:
    """As `read_results`, with every row that was ever written, in no order."""
    wanted = None if columns is None else list(dict.fromkeys([*_IDENTITY, *columns]))
    schema = RESULT_SCHEMA if wanted is None else pa.schema([RESULT_SCHEMA.field(name) for name in wanted])
    segments = [store.get_table(key, wanted) for key in segment_keys(store, suite, experiment, part=part)]
    return pa.concat_tables(
        [schema.empty_table(), *(segment for segment in segments if segment is not None)], promote_options="default"
    )


def results_of(store: Store, suite: str, experiment: str, wanted: Container[AttemptKey]) -> Iterator[CaseResult]:
    """The results of some attempts, whole; of an attempt that was made several times, each. One segment in memory.

    Raises:
        CorruptDataError: a segment is not readable.
    """
    for key in segment_keys(store, suite, experiment):
        names = store.get_table(key, ["case_id", "attempt"])
        if names is None:
            continue
        attempts = zip(names.column("case_id").to_pylist(), names.column("attempt").to_pylist(), strict=True)
        mask = [found in wanted for found in attempts]
        if any(mask):
            table = store.get_table(key)
            assert table is not None
            yield from map(result_of_row, table.filter(pa.array(mask)).to_pylist())


def set_unreadable_aside(store: Store, suite: str, experiment: str, *, run_id: str) -> list[str]:
    """Leave segments that cannot be read, torn by a power cut or a copy, out of the log from now on.

    Nothing is deleted: a note beside the segment says so, and the attempts in it count as not made.

    Returns:
        The URIs of those found now.
    """
    found = []
    for key in segment_keys(store, suite, experiment):
        try:
            store.get_table(key, _IDENTITY)
        except CorruptDataError as error:
            note = json.dumps({"set_aside_by": run_id, "reason": error.message})
            store.put_if_absent(key.removesuffix(_SEGMENT) + _SET_ASIDE, note.encode())
            found.append(store.uri(key))
    return found


def segment_keys(store: Store, suite: str, experiment: str, *, part: str = "") -> list[str]:
    """The segments that are read, of the log or a folder of it: neither set aside, nor held by a merged one."""
    keys = set(store.list(results_prefix(suite, experiment) + part))
    found = {key for key in keys if key.endswith(_SEGMENT) and key.removesuffix(_SEGMENT) + _SET_ASIDE not in keys}
    held = {
        f"{run}-{number:06d}{_SEGMENT}"
        for run, first, last in map(segment_place, found)
        if first != last
        for number in range(first, last + 1)
    }
    return sorted(found - held)


def all_keys(store: Store, suite: str, experiment: str) -> set[str]:
    """Every object of the log, read or not."""
    return set(store.list(results_prefix(suite, experiment)))


def segment_place(key: str) -> tuple[str, int, int]:
    """The run's part of a segment's key, and the numbers of the first and last segment it holds."""
    return (_NUMBERS.sub("", key), *_numbers(key))


def _numbers(key: str) -> tuple[int, int]:
    found = _NUMBERS.search(key)
    return (-1, -1) if found is None else (int(found[1]), int(found[2] or found[1]))


def _last_of_each(table: pa.Table) -> pa.Array:
    """True where the next row is of another case or attempt."""
    if table.num_rows == 0:
        return pa.array([], pa.bool_())
    case_ids, attempts = (table.column(name).combine_chunks() for name in ("case_id", "attempt"))
    differs = pc.or_(
        pc.not_equal(case_ids.slice(0, len(case_ids) - 1), case_ids.slice(1)),
        pc.not_equal(attempts.slice(0, len(attempts) - 1), attempts.slice(1)),
    )
    return pa.concat_arrays([differs, pa.array([True])])
