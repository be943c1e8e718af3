"""A circuit breaker: after failures of a server it keeps requests from being made for a while."""

import threading
import time
from collections.abc import Callable

OPEN_PER_TIMEOUT = 3.0
"""A timeout opens the breaker for this many times its length, so that at most a quarter of a run is spent waiting."""
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0


class CircuitBreaker:
    """Whether requests to one server are worth making now. Safe to use from any thread.

    Every step of a run connects by itself, and each would wait for a server that hangs: two minutes a run, measured.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._open_until = 0.0
        self._backoff_s = FIRST_BACKOFF_S
        self._outage_reported = False

    @property
    def is_open(self) -> bool:
        """Whether no request should be made now."""
        return self._now() < self._open_until

    def timed_out(self, timeout_s: float) -> None:
        """Open after a request that got no response within `timeout_s`."""
        with self._lock:
            self._open_until = self._now() + OPEN_PER_TIMEOUT * timeout_s

    def back_off(self, retry_after_s: float | None = None) -> None:
        """Open for as long as the server asks, else for twice as long after each failure in a row."""
        with self._lock:
            wait = self._backoff_s if retry_after_s is None else min(retry_after_s, LONGEST_BACKOFF_S)
            self._open_until = self._now() + wait
            self._backoff_s = min(self._backoff_s * 2, LONGEST_BACKOFF_S)

    def close(self) -> None:
        """Make requests again at once: the server responded, or is to be tried anew."""
        with self._lock:
            self._open_until = 0.0

    def succeeded(self) -> None:
        """Close, and forget earlier failures: the server did what it was asked."""
        with self._lock:
            self._open_until = 0.0
            self._backoff_s = FIRST_BACKOFF_S
            self._outage_reported = False

    def report_outage(self) -> bool:
        """Whether an outage is still to be reported: True once, and again only after a success."""
        with self._lock:
            first = not self._outage_reported
            self._outage_reported = True
            return first


_lock = threading.Lock()
_breakers: dict[str, CircuitBreaker] = {}


def breaker_of(server: str) -> CircuitBreaker:
    """The breaker of a server's URL, which all connections of this process share."""
    with _lock:
        return _breakers.setdefault(server, CircuitBreaker())
