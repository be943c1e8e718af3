"""A run's connection to the ledger, which goes on without the ledger while it cannot be reached."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from eval_pipeline.models.limits.fleet.ledger import Ledger, LedgerUnavailableError

TRY_AGAIN_S = 5.0
"""Seconds until a ledger that could not be reached is asked again."""

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class LedgerConnection:
    """One run's connection to the ledger, from any thread. An outage is logged once, and so is its end."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.missed = 0
        """Bookings made without the ledger."""
        self._lock = threading.Lock()
        self._try_again_at: float | None = None

    def ask(self, question: Callable[[Ledger], _Answer]) -> _Answer | None:
        """The ledger's answer; None while it cannot be reached."""
        if self._try_again_at is not None and time.monotonic() < self._try_again_at:
            return None
        try:
            answer = question(self.ledger)
        except LedgerUnavailableError as error:
            self._failed(error)
            return None
        self._answered()
        return answer

    def count_missed(self) -> None:
        """Count a booking that was made without the ledger."""
        with self._lock:
            self.missed += 1

    def _failed(self, error: LedgerUnavailableError) -> None:
        with self._lock:
            first, self._try_again_at = self._try_again_at is None, time.monotonic() + TRY_AGAIN_S
        if first:
            _log.warning(
                "the limits shared with other processes cannot be reached (%s): until they can, this process keeps to "
                "its part of them",
                error.message,
            )

    def _answered(self) -> None:
        with self._lock:
            was_unavailable, self._try_again_at = self._try_again_at is not None, None
        if was_unavailable:
            _log.warning("the limits shared with other processes are reached again")
