"""Recording results while the evaluation goes on: a segment of the result log first, then the partitions' events.

Dagster's events take milliseconds each, and a segment's sync takes its own; a thread of its own pays for both, and the
event loop of the evaluation for neither. Belongs here: when results are written and in which order. Does not belong
here: the result log itself, and what an event says.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from eval_pipeline.evaluation.result import CaseResult
from eval_pipeline.experiment.result_log import ResultLog

SEGMENT_ATTEMPTS = 200
"""Bounds what a crash can cost, and the memory that waits to be written."""
SEGMENT_SECONDS = 2.0
"""So that slow agents' results are durable, and visible, soon after they are there."""
WAITING_ATTEMPTS = 2_000
"""Beyond it the evaluation waits for the writer, so that memory stays flat."""

ReportCases = Callable[[Sequence[Sequence[CaseResult]]], None]
"""Is given whole cases: all attempts at each, in order."""


class Recorder:
    """Takes results as they come; a case is reported when all its attempts are durable.

    Args:
        log: where results become durable.
        attempts: by case, how many make it whole.
        report: is told the cases that have become so, those of a segment together.
        durable: is told every result that is durable, before `report`.
        earlier: results that are in the log already, of cases that were not reported.
    """

    def __init__(
        self,
        log: ResultLog,
        *,
        attempts: Mapping[str, int],
        report: ReportCases,
        durable: Callable[[Sequence[CaseResult]], None] = lambda _results: None,
        earlier: Iterable[CaseResult] = (),
    ) -> None:
        self._log, self._report, self._expected = log, report, attempts
        self._durable, self._earlier = durable, earlier
        self._unfinished: dict[str, dict[int, CaseResult]] = {}
        self._waiting: queue.Queue[CaseResult | None] = queue.Queue(maxsize=WAITING_ATTEMPTS)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._write_all, name="recorder")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # What is finished is kept, also when the run ends in an error.
        self._waiting.put(None)
        self._thread.join()
        if error is None:
            self._raise_failure()

    async def add(self, result: CaseResult) -> None:
        """Take a result. Raises what went wrong with an earlier one."""
        self._raise_failure()
        try:
            self._waiting.put_nowait(result)
        except queue.Full:
            await asyncio.to_thread(self._waiting.put, result)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _write_all(self) -> None:
        try:
            self._report_whole(self._earlier)
        except Exception as error:  # noqa: BLE001 - it is raised where results come from
            self._failure = error
        last = False
        while not last:
            segment, last = self._next_segment()
            # After a failure results are only taken, so that nobody waits for room for ever.
            if segment and self._failure is None:
                try:
                    self._write(segment)
                except Exception as error:  # noqa: BLE001 - it is raised where results come from
                    self._failure = error

    def _next_segment(self) -> tuple[list[CaseResult], bool]:
        """Results for one segment, and whether they are the last."""
        segment: list[CaseResult] = []
        until = time.monotonic() + SEGMENT_SECONDS
        while len(segment) < SEGMENT_ATTEMPTS:
            try:
                result = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if result is None:
                return segment, True
            segment.append(result)
        return segment, False

    def _write(self, results: list[CaseResult]) -> None:
        self._log.append(results)
        self._durable(results)
        self._report_whole(results)

    def _report_whole(self, results: Iterable[CaseResult]) -> None:
        whole: list[list[CaseResult]] = []
        for result in results:
            # By number: of an attempt that was made again, the later one counts.
            attempts = self._unfinished.setdefault(result.case_id, {})
            attempts[result.attempt] = result
            if len(attempts) == self._expected[result.case_id]:
                found = self._unfinished.pop(result.case_id)
                whole.append([found[number] for number in sorted(found)])
        if whole:
            self._report(whole)
