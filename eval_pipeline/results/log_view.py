"""`ResultLogView`: the result log of an experiment as it was when a run opened it.

The log is listed once, and of each segment one read gives the columns that say what is finished. Transcripts, which
are most of the bytes, are read when whole results are asked for, from the segments that hold them.
"""

import datetime as dt
import functools
import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.results.case_result import COMPLETED, CaseResult
from eval_pipeline.results.large_values import LargeValues
from eval_pipeline.results.result_log import (
    IDENTITY,
    SEGMENT,
    SET_ASIDE,
    AttemptKey,
    concat_rows,
    latest_rows,
    live_segments,
    next_number,
)
from eval_pipeline.results.result_row import result_of_row
from eval_pipeline.store.layout import results_prefix
from eval_pipeline.store.store import Store

_CONTEXT_FREE = ["fingerprint_without_context", "answer_without_context", "context_reads"]
_COLUMNS = [*IDENTITY, "status", "run_id", "fingerprint", "answer_fingerprint", *_CONTEXT_FREE]
ReadsAlike = Callable[[AttemptKey, str | None, str | None], bool]
"""Whether an attempt whose fingerprint without the context is this one would read the same of the context now."""


def never_alike(_key: AttemptKey, _without_context: str | None, _reads: str | None) -> bool:
    """Where only equal contexts count."""
    return False


@dataclass(frozen=True, kw_only=True)
class ResultLogView:
    """What the result log of an experiment, or a folder of it, held when it was opened."""

    experiment: str
    keys: frozenset[str]
    """Every object of the log, read or not."""
    unreadable: Sequence[str] = ()
    """URIs of the segments that this opening set aside."""
    retry_errors: bool = False
    """Whether an attempt that ended in an error counts as not finished."""
    _store: Store
    _values: LargeValues
    _prefix: str
    _segments: Mapping[str, pa.Table]
    """`_COLUMNS` of each segment, by key."""

    @classmethod
    def open(
        cls,
        store: Store,
        suite: str,
        experiment: str,
        *,
        set_aside_by: str | None = None,
        retry_errors: bool = False,
        part: str = "",
    ) -> Self:
        """Open the log.

        Args:
            store: where the experiment is.
            suite: its suite.
            experiment: its name.
            set_aside_by: the id of a run that leaves unreadable segments, torn by a power cut or a copy, out of the log
                from now on. Nothing is deleted: a note beside the segment says so, and its attempts are not finished.
            retry_errors: whether an attempt that ended in an error counts as not finished.
            part: only this folder of the log, such as a task's (`task_log.py`).

        Raises:
            CorruptDataError: a segment is not readable, and is not to be set aside.
        """
        prefix = results_prefix(suite, experiment) + part
        keys = set(store.list(prefix))
        segments: dict[str, pa.Table] = {}
        unreadable: list[str] = []
        # A merged segment that is set aside brings back those it held.
        while unread := [key for key in live_segments(keys) if key not in segments]:
            for key in unread:
                try:
                    table = store.get_table(key, _COLUMNS)
                except CorruptDataError as error:
                    if set_aside_by is None:
                        raise
                    keys.add(_set_aside(store, key, error, run_id=set_aside_by))
                    unreadable.append(store.uri(key))
                else:
                    segments[key] = concat_rows([table], columns=_COLUMNS)
        return cls(
            experiment=experiment,
            keys=frozenset(keys),
            unreadable=tuple(unreadable),
            retry_errors=retry_errors,
            _store=store,
            _values=LargeValues(store, suite, experiment),
            _prefix=prefix,
            _segments=segments,
        )

    @property
    def attempts(self) -> set[AttemptKey]:
        """Every attempt that has a row, be it that it was skipped."""
        return set(_keys(self._latest))

    @functools.cached_property
    def finished(self) -> Mapping[AttemptKey, str | None]:
        """The attempts that are not to be made again, with the ids of their runs in LangSmith. Skipped ones are not."""
        unfinished = {"skipped", "error"} if self.retry_errors else {"skipped"}
        rows = zip(_keys(self._latest), *_columns(self._latest, "status", "run_id"), strict=True)
        return {key: run_id for key, status, run_id in rows if status not in unfinished}

    def complete(self, planned: Mapping[str, Iterable[int]]) -> set[str]:
        """The cases all of whose planned attempts, by number, are finished."""
        return {
            case_id
            for case_id, numbers in planned.items()
            if all((case_id, number) in self.finished for number in numbers)
        }

    def reusable(
        self, fingerprints: Mapping[AttemptKey, str], alike: ReadsAlike = never_alike
    ) -> dict[AttemptKey, str]:
        """Those of the attempts that ran to their end here with the same fingerprint, or with reads that are alike.

        Returns:
            Their fingerprints here.
        """
        columns = ("fingerprint", "fingerprint_without_context")
        return self._matching(fingerprints, alike, columns, COMPLETED)

    def answered(
        self, fingerprints: Mapping[AttemptKey, str], alike: ReadsAlike = never_alike
    ) -> dict[AttemptKey, str]:
        """As `reusable`, of answers; some of the attempts may have ended in an error."""
        columns = ("answer_fingerprint", "answer_without_context")
        return self._matching(fingerprints, alike, columns, {*COMPLETED, "error"})

    def _matching(
        self,
        fingerprints: Mapping[AttemptKey, str],
        alike: ReadsAlike,
        columns: tuple[str, str],
        statuses: Container[str],
    ) -> dict[AttemptKey, str]:
        rows = zip(_keys(self._latest), *_columns(self._latest, "status", *columns, "context_reads"), strict=True)
        return {
            key: fingerprint
            for key, status, fingerprint, without_context, reads in rows
            if status in statuses
            and key in fingerprints
            and fingerprint is not None
            and (fingerprints[key] == fingerprint or alike(key, without_context, reads))
        }

    def reads_of(self, fingerprints: Mapping[str, str]) -> dict[str, list[tuple[str | None, str | None]]]:
        """By case, of its attempts with the fingerprint: that of all but the context, and their reads of it."""
        reads: dict[str, list[tuple[str | None, str | None]]] = {}
        columns = ("case_id", "fingerprint", "fingerprint_without_context", "context_reads")
        for case_id, fingerprint, without_context, read in zip(*_columns(self._latest, *columns), strict=True):
            if fingerprint is not None and fingerprints.get(case_id) == fingerprint:
                reads.setdefault(case_id, []).append((without_context, read))
        return reads

    @property
    def traced_rows(self) -> int:
        """The rows that the experiment should have in LangSmith.

        That is one for each time an attempt was made, of which retried errors have several.
        """
        run_ids = {run_id for table in self._segments.values() for run_id in table.column("run_id").to_pylist()}
        latest = zip(*_columns(self._latest, "status", "run_id"), strict=True)
        untraced = [status for status, run_id in latest if run_id is None and status != "skipped"]
        return len(run_ids - {None}) + len(untraced)

    def results(self, attempts: Container[AttemptKey]) -> Iterator[CaseResult]:
        """The whole results of some attempts; of one that was made several times, each. One segment is in memory.

        Raises:
            CorruptDataError: a segment is not readable.
        """
        for key, rows in self._segments.items():
            mask = [attempt in attempts for attempt in _keys(rows)]
            if any(mask):
                yield from self._read(key, mask)

    def latest_results(self, attempts: Container[AttemptKey]) -> Iterator[CaseResult]:
        """As `results`, of each attempt the one that counts. One segment is in memory.

        Raises:
            CorruptDataError: a segment is not readable.
        """
        places = zip(_keys(self._latest), _places(self._latest), strict=True)
        left = {key: place for key, place in places if key in attempts}
        for key, rows in self._segments.items():
            counted = [
                left.get(attempt) == place and left.pop(attempt) is not None
                for attempt, place in zip(_keys(rows), _places(rows), strict=True)
            ]
            if any(counted):
                yield from self._read(key, counted)

    @property
    def first_started(self) -> dt.datetime | None:
        """When the first of the attempts started, by the clocks of the runs; None if there is none."""
        started = (time for table in self._segments.values() for time in table.column("started_at").to_pylist())
        return min((time for time in started if time is not None), default=None)

    @property
    def next_order(self) -> int:
        """The place in the log of a run that opens it now: after all rows it finds."""
        orders = (order for table in self._segments.values() for order, _ in _places(table))
        return 1 + max(orders, default=0)

    def _read(self, key: str, mask: Sequence[bool]) -> Iterator[CaseResult]:
        table = self._store.get_table(key)
        assert table is not None
        for row in table.filter(pa.array(mask)).to_pylist():
            yield result_of_row(row, self._values)

    def next_number(self, writer: str) -> int:
        """The number of the first segment that `writer`, a run's id or a task's `part`, may write."""
        return next_number(self.keys, f"{self._prefix}{writer}-")

    @functools.cached_property
    def _latest(self) -> pa.Table:
        return latest_rows(concat_rows(self._segments.values(), columns=_COLUMNS))


def _keys(rows: pa.Table) -> Iterator[AttemptKey]:
    return zip(*_columns(rows, "case_id", "attempt"), strict=True)


def _places(rows: pa.Table) -> list[tuple[int, Any]]:
    """Of each row, what decides which of an attempt counts: the latest."""
    return [
        (order or 0, started_at) for order, started_at in zip(*_columns(rows, "log_order", "started_at"), strict=True)
    ]


def _columns(rows: pa.Table, *names: str) -> list[list[Any]]:
    return [rows.column(name).to_pylist() for name in names]


def _set_aside(store: Store, key: str, error: CorruptDataError, *, run_id: str) -> str:
    """Write the note beside a segment that leaves it out of the log. Returns the note's key."""
    note = json.dumps({"set_aside_by": run_id, "reason": error.message})
    name = key.removesuffix(SEGMENT) + SET_ASIDE
    store.put_if_absent(name, note.encode())
    return name
