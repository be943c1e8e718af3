"""A first-come, first-served semaphore whose size may change while callers wait.

It belongs to no event loop: sync targets wait in threads, async ones on any loop.
"""

import asyncio
import collections
import threading
from concurrent.futures import Future


class Slots:
    """Room for `limit` holders at once."""

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._limit, self._taken = limit, 0
        self._waiting: collections.deque[Future[None]] = collections.deque()
        self._closed: Exception | None = None

    def take(self) -> None:
        """Wait for room, in a thread.

        Raises:
            Exception: the one that the slots were closed with.
        """
        place = self._queue()
        try:
            place.result()
        except BaseException:
            self._leave(place)
            raise

    async def atake(self) -> None:
        """Wait for room. Raises as `take` does."""
        place = self._queue()
        try:
            if place.done():
                place.result()
            else:
                await asyncio.wrap_future(place)
        except BaseException:
            self._leave(place)
            raise

    def take_anyway(self) -> None:
        """Take room even beyond the limit; callers that wait then wait for one more holder. Raises as `take` does."""
        with self._lock:
            if self._closed is not None:
                raise self._closed
            self._taken += 1

    def give(self) -> None:
        """Free a place."""
        with self._lock:
            self._taken -= 1
        self._admit()

    def demand(self) -> tuple[int, int]:
        """How many places are taken, and how many together with the callers that wait."""
        with self._lock:
            return self._taken, self._taken + len(self._waiting)

    def resize(self, limit: int) -> None:
        """Set the limit; holders keep their places."""
        with self._lock:
            self._limit = limit
        self._admit()

    def close(self, reason: Exception) -> None:
        """Admit no caller any more: those that wait, and those that come, get `reason`."""
        with self._lock:
            self._closed = reason
            waiting, self._waiting = self._waiting, collections.deque()
        for place in waiting:
            if place.set_running_or_notify_cancel():
                place.set_exception(reason)

    def _queue(self) -> Future[None]:
        place: Future[None] = Future()
        with self._lock:
            if self._closed is not None:
                raise self._closed
            self._waiting.append(place)
        self._admit()
        return place

    def _admit(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or self._taken >= self._limit:
                    return
                place = self._waiting.popleft()
                self._taken += 1
            # Outside of the lock: a future runs callbacks.
            if place.set_running_or_notify_cancel():
                place.set_result(None)
            else:
                with self._lock:
                    self._taken -= 1

    def _leave(self, place: Future[None]) -> None:
        """Stop waiting at `place`, which may have been given at the same moment."""
        if not place.cancel() and not place.cancelled() and place.exception() is None:
            self.give()
