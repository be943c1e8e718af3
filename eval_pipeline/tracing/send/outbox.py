"""Hold the traces of attempts until the attempts' results are durable.

A row that was sent cannot be taken back. If the process dies between sending a row and storing its result, the attempt
is made again, and would have two rows. So the result is stored first; a row that a dying process did not send is
restored from it (`restored_trace.py`).
"""

import threading
from collections.abc import Callable, Iterable

from eval_pipeline.redaction.logs import logger_of

_log = logger_of(__name__)


class Outbox:
    """Functions that send traces, by the id of the attempt's root run. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, Callable[[], None]] = {}

    def put(self, run_id: str, send: Callable[[], None]) -> None:
        """Hold the function that sends the trace of an attempt."""
        with self._lock:
            self._waiting[run_id] = send

    def release(self, run_ids: Iterable[str]) -> int:
        """Send the traces of attempts whose results are durable. Returns how many failed; never raises."""
        with self._lock:
            sends = [self._waiting.pop(run_id) for run_id in run_ids if run_id in self._waiting]
        failed = 0
        for send in sends:
            try:
                send()
            except Exception:  # noqa: BLE001 - a trace must never cost the result it is about
                failed += 1
                _log.exception("a trace is lost")
        return failed
