"""Recording results during the evaluation: a segment of the result log first, then the partitions' events.

Two threads, so that the event loop of the evaluation pays for neither. The writer makes results durable as soon as they
are there, since what is not durable when the process dies is paid for twice. The reporter calls Dagster, whose events
cost milliseconds for each call and little for each event, with many at once; durability never waits for it.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self, TypeVar

from eval_pipeline.evaluation.interpreter import shorter_switch_interval
from eval_pipeline.results.case_result import CaseResult

SEGMENT_ATTEMPTS = 200
SEGMENT_SECONDS = 0.005
"""How long the first result of a segment waits for others; while a segment is written, those of the next one gather."""
REPORT_CASES = 500
REPORT_SECONDS = 2.0
"""So that the UI shows what is finished soon after."""
WAITING = 2_000
"""Results, and whole cases, that may wait; beyond it the evaluation waits too, so that memory stays flat."""

ReportCases = Callable[[Sequence[Sequence[CaseResult]]], None]
"""Is called with whole cases: all attempts at each, in order."""
_Item = TypeVar("_Item")


class ResultWriter(Protocol):
    """Makes results durable."""

    def keep(self, results: Sequence[CaseResult]) -> Sequence[CaseResult]:
        """Write results; durable when this returns. Returns those that count: another process may have been first."""

    def close(self) -> None:
        """Finish: no more results follow."""


class _Taken(NamedTuple):
    result: CaseResult
    durable: asyncio.Future[None] | None = None
    """Set when it is durable."""
    in_log: bool = False
    """Whether another process has made it durable."""


class ResultRecorder:
    """Takes results as they come; a case is reported when all its attempts are durable.

    Args:
        log: makes results durable.
        attempts: by case, how many make it whole.
        report: is called with cases that have become whole, many together.
        durable: is called with every result that is durable, before `report`.
        earlier: results that are in the log already, of cases that were not reported.
    """

    def __init__(
        self,
        log: ResultWriter,
        *,
        attempts: Mapping[str, int],
        report: ReportCases,
        durable: Callable[[Sequence[CaseResult]], None] = lambda _results: None,
        earlier: Iterable[CaseResult] = (),
    ) -> None:
        self._log, self._report, self._expected = log, report, attempts
        self._durable, self._earlier = durable, earlier
        self._unfinished: dict[str, dict[int, CaseResult]] = {}
        self._results: queue.Queue[_Taken | None] = queue.Queue(maxsize=WAITING)
        self._whole: queue.Queue[list[CaseResult] | None] = queue.Queue(maxsize=WAITING)
        self._failure: Exception | None = None
        self._switching = contextlib.ExitStack()
        self._threads = [
            threading.Thread(target=self._write_all, name="recorder"),
            threading.Thread(target=self._report_all, name="reporter"),
        ]

    def __enter__(self) -> Self:
        self._switching.enter_context(shorter_switch_interval())
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # What is finished is kept, also when the run ends in an error.
        self._results.put(None)
        for thread in self._threads:
            thread.join()
        self._switching.close()
        if error is None:
            self._raise_failure()

    async def add(self, result: CaseResult, *, in_log: bool = False) -> None:
        """Take a result, when there is room for it. Raises what went wrong with an earlier one.

        One that is `in_log` was written there by another process, which also sends its trace.
        """
        self._raise_failure()
        taken = _Taken(result, in_log=in_log)
        try:
            self._results.put_nowait(taken)
        except queue.Full:
            await asyncio.to_thread(self._results.put, taken)

    def keep(self, result: CaseResult) -> asyncio.Future[None]:
        """Take a result at once; the future is done when it is durable. Raises what went wrong with an earlier one.

        For callers that wait for these futures before they give much more.
        """
        self._raise_failure()
        future = asyncio.get_running_loop().create_future()
        self._results.put(_Taken(result, future))
        return future

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _write_all(self) -> None:
        self._unless_failed(self._note_whole, self._earlier)
        last = False
        while not last:
            segment, last = _together(self._results, most=SEGMENT_ATTEMPTS, seconds=SEGMENT_SECONDS)
            if segment:
                self._unless_failed(self._write, segment)
                _set_durable([taken.durable for taken in segment if taken.durable is not None])
        self._unless_failed(self._log.close)
        self._whole.put(None)

    def _report_all(self) -> None:
        last = False
        while not last:
            cases, last = _together(self._whole, most=REPORT_CASES, seconds=REPORT_SECONDS)
            if cases:
                self._unless_failed(self._report, cases)

    def _unless_failed(self, work: Callable[..., object], *arguments: object) -> None:
        """After a failure results are only taken, so that no caller waits for room indefinitely."""
        if self._failure is None:
            try:
                work(*arguments)
            except Exception as error:  # noqa: BLE001 - it is raised where results come from
                self._failure = error

    def _write(self, segment: Sequence[_Taken]) -> None:
        new = [taken.result for taken in segment if not taken.in_log]
        if new:
            self._durable(self._log.keep(new))
        self._note_whole(taken.result for taken in segment)

    def _note_whole(self, results: Iterable[CaseResult]) -> None:
        for result in results:
            # By number: of an attempt that was made again, the later one counts.
            attempts = self._unfinished.setdefault(result.case_id, {})
            attempts[result.attempt] = result
            if len(attempts) == self._expected[result.case_id]:
                del self._unfinished[result.case_id]
                self._whole.put([attempts[number] for number in sorted(attempts)])


def _set_durable(futures: Sequence[asyncio.Future[None]]) -> None:
    """Set futures of a loop in another thread, which may have ended in an error."""
    if futures:
        with contextlib.suppress(RuntimeError):
            futures[0].get_loop().call_soon_threadsafe(_set_all, futures)


def _set_all(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _together(waiting: "queue.Queue[_Item | None]", *, most: int, seconds: float) -> tuple[list[_Item], bool]:
    """The next item and those that follow it soon, and whether they are the last."""
    items: list[_Item] = []
    until: float | None = None
    while len(items) < most:
        try:
            item = waiting.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
        except queue.Empty:
            break
        if item is None:
            return items, True
        items.append(item)
        until = until or time.monotonic() + seconds
    return items, False
