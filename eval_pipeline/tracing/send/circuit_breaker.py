"""Leaving a server alone that kept somebody waiting for nothing, in all of this process.

Every step of a run connects by itself, and each would wait for a server that hangs: two minutes a run, measured.
What one of them learnt the others take into account.
"""

import threading
import time

LEFT_ALONE = 3.0
"""For so many times the time-out: at most a quarter of a run is spent on waiting, however long it takes."""


class Patience:
    """Which servers did not answer in time a moment ago; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def is_over(self, server: str) -> bool:
        """Whether a server is not to be asked now."""
        with self._lock:
            return time.monotonic() < self._until.get(server, 0.0)

    def waited(self, server: str, timeout_s: float) -> None:
        """A server did not answer within `timeout_s`."""
        with self._lock:
            self._until[server] = time.monotonic() + LEFT_ALONE * timeout_s

    def answered(self, server: str) -> None:
        """A server is there, whatever it said."""
        with self._lock:
            self._until.pop(server, None)


PATIENCE = Patience()
"""This process's."""
