"""The result log of one task of a fan-out, which may be done by several workers at once.

A task is delivered more than once where a queue or a service repeats it, and a worker that was given up may still be at
work. So its segments have names that follow from the task alone, each is written if absent, and a writer who finds one
in its way leaves out what is in it: of an attempt that two workers made, one row is kept, and the trace of one is sent.
"""

from collections.abc import Sequence

import pyarrow as pa

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.results.case_result import RESULT_SCHEMA, CaseResult
from eval_pipeline.results.result_log import AttemptKey, segment_keys, segment_place
from eval_pipeline.store.layout import results_prefix
from eval_pipeline.store.parquet import parquet_bytes
from eval_pipeline.store.store import Store


def task_part(task: str) -> str:
    """The folder of a task within the result log."""
    return f"{task}/"


class TaskLog:
    """Where one worker appends the results of a task. Make it before asking what is finished."""

    def __init__(self, store: Store, *, suite: str, experiment: str, task: str) -> None:
        self._store, self._suite, self._experiment = store, suite, experiment
        self._part = task_part(task)
        self._prefix = results_prefix(suite, experiment) + self._part
        self.first = 1 + max((segment_place(key)[2] for key in store.list(self._prefix)), default=-1)
        """The number of the first segment that this writer may write."""
        self._next = self.first
        self._others: set[AttemptKey] = set()
        """What was in the segments that were in the way: a result that comes later may be of one of them, too."""

    def keep(self, results: Sequence[CaseResult]) -> Sequence[CaseResult]:
        """Write results as one segment, durable when this returns.

        Returns:
            Those of `results` that no other worker wrote before.
        """
        left = self._unmade(results)
        while left:
            table = pa.Table.from_pylist([result.to_row() for result in left], schema=RESULT_SCHEMA)
            key = f"{self._prefix}part-{self._next:06d}.parquet"
            written = self._store.put_if_absent(key, bytes(parquet_bytes(table, quickly=True)))
            self._next += 1
            if written:
                break
            self._others |= self._made_in(key)
            left = self._unmade(left)
        return left

    def _unmade(self, results: Sequence[CaseResult]) -> list[CaseResult]:
        return [result for result in results if (result.case_id, result.attempt) not in self._others]

    def close(self) -> None:
        """Merge the segments of the task, so that readers open one. Nothing is lost without it."""
        keys = segment_keys(self._store, self._suite, self._experiment, part=self._part)
        if len(keys) < 2:  # noqa: PLR2004 - there is nothing to merge
            return
        tables = [table for key in keys if (table := self._store.get_table(key)) is not None]
        first, last = min(segment_place(key)[1] for key in keys), max(segment_place(key)[2] for key in keys)
        merged = parquet_bytes(pa.concat_tables(tables, promote_options="default"))
        self._store.put_if_absent(f"{self._prefix}part-{first:06d}-{last:06d}.parquet", bytes(merged))

    def _made_in(self, key: str) -> set[AttemptKey]:
        """The attempts that another worker made; one that it skipped is none."""
        try:
            rows = self._store.get_table(key, ["case_id", "attempt", "status"])
        except CorruptDataError:
            return set()  # whoever resumes sets it aside
        found = [] if rows is None else rows.to_pylist()
        return {(row["case_id"], row["attempt"]) for row in found if row["status"] != "skipped"}
