"""The line to the ledger: it goes down without harm, is said to be down once, and is tried again after a while."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from eval_pipeline.models.limits.fleet.ledger import Ledger, LedgerAwayError

TRY_AGAIN_S = 5.0
"""Seconds in which a backend that was away is not asked."""

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class Line:
    """What a run says to the ledger, from any thread."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.missed = 0
        """Bookings that were made without the ledger."""
        self._lock = threading.Lock()
        self._away_until: float | None = None

    def ask(self, question: Callable[[Ledger], _Answer]) -> _Answer | None:
        """The ledger's answer; None where it is away."""
        if self._away_until is not None and time.monotonic() < self._away_until:
            return None
        try:
            answer = question(self.ledger)
        except LedgerAwayError as error:
            self._went_away(error)
            return None
        self._is_back()
        return answer

    def count_missed(self) -> None:
        """A booking was made without the ledger."""
        with self._lock:
            self.missed += 1

    def _went_away(self, error: LedgerAwayError) -> None:
        with self._lock:
            first, self._away_until = self._away_until is None, time.monotonic() + TRY_AGAIN_S
        if first:
            _log.warning(
                "the limits that are shared with other processes cannot be reached (%s): until they can, this one "
                "keeps to its part of them",
                error.message,
            )

    def _is_back(self) -> None:
        with self._lock:
            was_away, self._away_until = self._away_until is not None, None
        if was_away:
            _log.warning("the limits that are shared with other processes are reached again")
