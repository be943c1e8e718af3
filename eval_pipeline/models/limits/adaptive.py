"""How many calls at once an endpoint takes: additive increase, multiplicative decrease.

The limit is halved on every overload, at most once per episode: calls that were in flight when it was halved change
nothing. It rises by one after as many successes in a row as the limit allows at once. Other failures change nothing.
Source: Chiu and Jain, "Analysis of the Increase and Decrease Algorithms", 1989.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

MOST_CHANGES = 200
"""Entries of the history; of more, every second one of the oldest half is removed."""


@dataclass(frozen=True, kw_only=True)
class LimitChange:
    """The limit from a moment on."""

    at_s: float
    """Seconds after the run began."""
    limit: int
    reason: str


class AdaptiveLimit:
    """The limit of one endpoint, between 1 and `ceiling`."""

    def __init__(self, ceiling: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ceiling, self._clock, self._lock = ceiling, clock, threading.Lock()
        self._began = clock()
        self._last_cut = self._held_until = float("-inf")
        self._successes = 0
        self.limit = ceiling
        self.history: list[LimitChange] = [LimitChange(at_s=0.0, limit=ceiling, reason="begin")]

    def held(self) -> float:
        """Seconds until the provider accepts calls again."""
        return max(0.0, self._held_until - self._clock())

    def hold(self, seconds: float) -> None:
        """Send no call for so many seconds, as the provider asked another process."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def succeeded(self) -> None:
        """Record a call that was answered."""
        with self._lock:
            if self.limit >= self._ceiling:
                return
            self._successes += 1
            if self._successes >= self.limit:
                self._change(self.limit + 1, "answered")

    def overloaded(self, *, sent_at: float, retry_after: float | None) -> None:
        """Record a call that met an overload; `sent_at` is of the same clock."""
        with self._lock:
            now = self._clock()
            self._held_until = max(self._held_until, now + (retry_after or 0.0))
            if sent_at <= self._last_cut:
                return
            self._last_cut = now
            if self.limit > 1:
                self._change(self.limit // 2, "overloaded")

    def _change(self, limit: int, reason: str) -> None:
        self.limit, self._successes = limit, 0
        self.history.append(LimitChange(at_s=round(self._clock() - self._began, 3), limit=limit, reason=reason))
        if len(self.history) > MOST_CHANGES:
            half = MOST_CHANGES // 2
            self.history[:half] = self.history[:half:2]
