"""Measure a part of this process, with the standard library only."""

import contextlib
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")


class Stopwatch:
    """Wall-clock and CPU seconds of this process within `running`."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Add the time that passes within it, all threads included."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall_s += time.perf_counter() - wall
            self.cpu_s += time.process_time() - cpu

    def report(self, **more: Any) -> None:
        """Print the measurement, and `more`, as this side's last line."""
        measured = {"wall_s": self.wall_s, "cpu_s": self.cpu_s, "peak_rss_mb": peak_rss_mb()}
        print(json.dumps({**measured, **more}), flush=True)


def peak_rss_mb() -> float:
    """The peak resident memory of this process, in MiB."""
    if _STATUS.exists():
        # Not `ru_maxrss`, which after a fork starts at that of the parent.
        line = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
