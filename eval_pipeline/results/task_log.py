"""The result log of one task of a fan-out, which several workers may do at once.

A task is delivered more than once where a queue or a service repeats it, and a worker that was given up may still be at
work. So the names of its segments follow from the task alone, each is written if absent, and a writer that finds a
segment of its next name leaves out what is in it: of an attempt that two workers made, one row is kept, and the trace
of one is sent.
"""

from collections.abc import Sequence

import pyarrow as pa

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.large_values import LargeValues
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.result_log import SEGMENT, AttemptKey, segment_keys, segment_place
from eval_pipeline.results.result_row import table_of
from eval_pipeline.store.layout import results_prefix
from eval_pipeline.store.parquet import parquet_bytes
from eval_pipeline.store.store import Store

_PART = "part"


def task_part(task: str) -> str:
    """The folder of a task within the result log."""
    return f"{task}/"


class TaskLog:
    """Where one worker appends the results of a task.

    Args:
        store: where the experiment is.
        suite: its suite.
        experiment: its name.
        task: the task's name.
        view: the task's part of the log when the worker began; what is written since then is another worker's.
        order: the place in the whole log of the run that gave the task.
    """

    def __init__(
        self, store: Store, *, suite: str, experiment: str, task: str, view: ResultLogView, order: int = 0
    ) -> None:
        self._store, self._suite, self._experiment = store, suite, experiment
        self._part = task_part(task)
        self._values = LargeValues(store, suite, experiment)
        self._prefix = f"{results_prefix(suite, experiment)}{self._part}{_PART}-"
        self.first = view.next_number(_PART)
        """The number of the first segment that this writer may write."""
        self._next = self.first
        self._order = max(order, view.next_order)
        self._of_others: set[AttemptKey] = set()
        """The attempts in segments of other workers; a result that comes later may be of one of them."""

    def keep(self, results: Sequence[CaseResult]) -> Sequence[CaseResult]:
        """Write results as one segment, durable when this returns.

        Returns:
            Those of `results` that no other worker wrote before.
        """
        own = self._own(results)
        while own:
            table = table_of(own, self._values, order=self._order)
            key = f"{self._prefix}{self._next:06d}{SEGMENT}"
            written = self._store.put_if_absent(key, bytes(parquet_bytes(table, quickly=True)))
            self._next += 1
            if written:
                break
            self._of_others |= self._attempts_in(key)
            own = self._own(own)
        return own

    def close(self) -> None:
        """Merge the segments of the task, so that readers open one. Nothing is lost without it."""
        keys = segment_keys(self._store, self._suite, self._experiment, part=self._part)
        if len(keys) < 2:  # noqa: PLR2004 - there is nothing to merge
            return
        tables = [table for key in keys if (table := self._store.get_table(key)) is not None]
        first, last = min(segment_place(key)[1] for key in keys), max(segment_place(key)[2] for key in keys)
        merged = parquet_bytes(pa.concat_tables(tables, promote_options="default"))
        self._store.put_if_absent(f"{self._prefix}{first:06d}-{last:06d}{SEGMENT}", bytes(merged))

    def _own(self, results: Sequence[CaseResult]) -> list[CaseResult]:
        return [result for result in results if (result.case_id, result.attempt) not in self._of_others]

    def _attempts_in(self, key: str) -> set[AttemptKey]:
        """The attempts that another worker made; a skipped one was not made."""
        try:
            rows = self._store.get_table(key, ["case_id", "attempt", "status"])
        except CorruptDataError:
            return set()  # a run that resumes sets it aside
        return {
            (row["case_id"], row["attempt"])
            for row in ([] if rows is None else rows.to_pylist())
            if row["status"] != "skipped"
        }
