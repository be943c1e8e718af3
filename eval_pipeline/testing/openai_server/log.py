"""What a server was asked, and when: the witness of limits."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Entry:
    """One request."""

    started: float
    """Seconds of the monotonic clock, when its body was read."""
    body: dict[str, Any]
    ended: float | None = None
    fault: str | None = None
    status: int | None = None


@dataclass
class RequestLog:
    """Every request, in the order they came."""

    entries: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, body: dict[str, Any]) -> tuple[int, Entry, int]:
        """A request came. Returns its number (0 for the first), its entry, and how many there are now."""
        entry = Entry(started=time.monotonic(), body=body)
        with self._lock:
            self.entries.append(entry)
            now = sum(found.ended is None for found in self.entries)
            return len(self.entries) - 1, entry, now

    @property
    def peak_concurrency(self) -> int:
        """The most requests that were there at once."""
        now = peak = 0
        for _, change in sorted(self._changes()):
            now += change
            peak = max(peak, now)
        return peak

    def most_within(self, seconds: float) -> int:
        """The most requests that began within any stretch of so many seconds."""
        begun = sorted(entry.started for entry in self.entries)
        most = first = 0
        for last, moment in enumerate(begun):
            while moment - begun[first] >= seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    @property
    def faults(self) -> dict[str, int]:
        """How often each fault was met."""
        found: dict[str, int] = {}
        for entry in self.entries:
            if entry.fault is not None:
                found[entry.fault] = found.get(entry.fault, 0) + 1
        return found

    def _changes(self) -> Iterator[tuple[float, int]]:
        for entry in self.entries:
            yield entry.started, 1
            if entry.ended is not None:
                yield entry.ended, -1
