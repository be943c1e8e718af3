"""Recording results while the evaluation goes on: a segment of the result log first, then the partitions' events.

Dagster's events take milliseconds each, and a segment's sync takes its own; a thread of its own pays for both. Belongs
here: when results are written and in which order. Does not belong here: the result log itself, and what an event says.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from eval_pipeline.evaluation.result import CaseResult
from eval_pipeline.experiment.result_log import ResultLog

SEGMENT_ATTEMPTS = 200
"""Bounds what a crash can cost, and the memory that waits to be written."""
SEGMENT_SECONDS = 2.0
"""So that slow agents' results are durable, and visible, soon after they are there."""

ReportCase = Callable[[Sequence[CaseResult]], None]


class Recorder:
    """Takes results as they come; a case is reported when all its attempts are durable."""

    def __init__(self, log: ResultLog, *, attempts: dict[str, int], report: ReportCase) -> None:
        self._log, self._report = log, report
        self._missing = attempts
        self._unfinished: dict[str, list[CaseResult]] = {}
        self._buffer: list[CaseResult] = []
        self._since = time.monotonic()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            # What is finished is kept, also when the run ends in an error.
            self._flush()
            self._wait()
        finally:
            self._thread.shutdown()

    def add(self, result: CaseResult) -> None:
        """Take a result. Raises what went wrong with an earlier one."""
        self._buffer.append(result)
        if len(self._buffer) >= SEGMENT_ATTEMPTS or time.monotonic() - self._since >= SEGMENT_SECONDS:
            self._flush()

    def _flush(self) -> None:
        self._wait()
        if self._buffer:
            self._writing = self._thread.submit(self._write, self._buffer)
            self._buffer = []
        self._since = time.monotonic()

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def _write(self, results: list[CaseResult]) -> None:
        self._log.append(results)
        for result in results:
            attempts = self._unfinished.setdefault(result.case_id, [])
            attempts.append(result)
            if len(attempts) == self._missing[result.case_id]:
                self._report(sorted(self._unfinished.pop(result.case_id), key=lambda found: found.attempt))
