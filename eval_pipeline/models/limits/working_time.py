"""The time limit of an attempt, which does not count the time that the attempt waits for a provider's limits."""

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self


class WorkingTime:
    """A time limit, used as `asyncio.timeout` is: `async with` raises `TimeoutError` when the time is up.

    `expired()` distinguishes its own from the target's.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self._limit = seconds, asyncio.timeout(None)
        self._lock, self._waiters, self._since, self._waited = threading.Lock(), 0, 0.0, 0.0

    async def __aenter__(self) -> Self:
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._began = self._loop.time()
        self._token = _current.set(self)
        await self._limit.__aenter__()
        self._reschedule()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _current.reset(self._token)
        await self._limit.__aexit__(kind, error, traceback)

    def expired(self) -> bool:
        """Whether the time was up."""
        return self._limit.expired()

    @property
    def waited_s(self) -> float:
        """Seconds that did not count, so far."""
        with self._lock:
            return self._waited + (time.monotonic() - self._since if self._waiters else 0.0)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Within it the time does not count; in any thread, and several at once count once."""
        with self._lock:
            self._waiters += 1
            if self._waiters == 1:
                self._since = time.monotonic()
        self._notify_loop()
        try:
            yield
        finally:
            with self._lock:
                self._waiters -= 1
                if self._waiters == 0:
                    self._waited += time.monotonic() - self._since
            self._notify_loop()

    def _notify_loop(self) -> None:
        if threading.get_ident() == self._thread:
            self._reschedule()
        else:
            # The loop may be closed by now, and the attempt over.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._reschedule)

    def _reschedule(self) -> None:
        with self._lock:
            ends = None if self._waiters else self._began + self.seconds + self._waited
        # It raises once it has expired or was left, when there is nothing to reschedule.
        with contextlib.suppress(RuntimeError):
            self._limit.reschedule(ends)


_current: contextvars.ContextVar[WorkingTime | None] = contextvars.ContextVar("working_time", default=None)


@contextlib.contextmanager
def not_counting() -> Iterator[None]:
    """Within it, the current attempt's time does not count, if there is one."""
    limit = _current.get()
    with limit.paused() if limit is not None else contextlib.nullcontext():
        yield


def waited_s() -> float:
    """Seconds that the current attempt has waited so far, which are not the target's."""
    limit = _current.get()
    return 0.0 if limit is None else limit.waited_s
