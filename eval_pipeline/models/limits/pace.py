"""Requests and tokens per minute, evenly spread: the generic cell rate algorithm, with tokens settled afterwards.

Even spacing keeps any window of a minute within the limit; a bucket that fills up would let twice as much through.
Source: ITU-T I.371, annex A (the virtual scheduling algorithm), without burst tolerance.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How much an endpoint takes in a minute; None is no limit."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


class Pacer(Protocol):
    """Spreads the calls to one endpoint. `settle` is called from threads and event loops and must not block."""

    def reserve(self, tokens: float) -> float:
        """Book one request that will take about `tokens`. Returns the seconds to wait before it is sent."""

    async def areserve(self, tokens: float) -> float:
        """As `reserve`, on an event loop."""

    def settle(self, tokens: float) -> None:
        """Correct a booking by the tokens that its request took more; negative: fewer."""


PacerFactory = Callable[[str, Rates], Pacer]
"""From an endpoint and its rates to the pacer that all callers with the same ones share."""


_MARGIN = 1.01
"""Requests leave some milliseconds late, now more and now less: without it a minute could see one too many."""


class LocalPacer:
    """The pacer of one process."""

    def __init__(
        self, rates: Rates, *, clock: Callable[[], float] = time.monotonic, begins_in_s: float | None = None
    ) -> None:
        """`begins_in_s`: seconds before which nothing is sent."""
        self._seconds_a_request, self._seconds_a_token = seconds_each(rates)
        self._clock, self._lock = clock, threading.Lock()
        self._requests_free = self._tokens_free = float("-inf") if begins_in_s is None else clock() + begins_in_s
        """When the next request, and the next token, may be sent."""

    def reserve(self, tokens: float) -> float:
        """Book one request."""
        with self._lock:
            now = self._clock()
            begins = max(now, self._requests_free, self._tokens_free)
            self._requests_free = begins + self._seconds_a_request
            self._tokens_free = max(self._tokens_free, begins) + tokens * self._seconds_a_token
            return begins - now

    async def areserve(self, tokens: float) -> float:
        """Book one request."""
        return self.reserve(tokens)

    def settle(self, tokens: float) -> None:
        """Correct a booking."""
        with self._lock:
            self._tokens_free += tokens * self._seconds_a_token


_pacers: dict[tuple[str, Rates], LocalPacer] = {}
_lock = threading.Lock()


def shared_pacer(endpoint: str, rates: Rates) -> Pacer:
    """The pacer that all runs of this process share for `endpoint` at `rates`."""
    with _lock:
        return _pacers.setdefault((endpoint, rates), LocalPacer(rates))


def seconds_each(rates: Rates) -> tuple[float, float]:
    """What a request, and a token, take of an endpoint's time; 0 without a limit."""
    return _seconds(rates.requests_per_minute) * _MARGIN, _seconds(rates.tokens_per_minute)


def _seconds(per_minute: float | None) -> float:
    return 0.0 if per_minute is None else 60.0 / per_minute
