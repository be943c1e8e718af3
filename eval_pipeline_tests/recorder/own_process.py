"""A recorder in a process of its own, which can be killed and comes back on its port and its file."""

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from eval_pipeline.recorder.server import RecorderServer

_SERVE = (
    "import sys; from eval_pipeline.recorder.server import serve; serve(port=int(sys.argv[1]), db_path=sys.argv[2])"
)
_START_SECONDS = 60.0


class RecorderProcess:
    """One recorder, running within `with`."""

    def __init__(self, database: Path) -> None:
        with RecorderServer() as placeholder:
            self.url = placeholder.url
        self._database = database
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start it; by default returns once it answers."""
        port = self.url.rpartition(":")[2]
        self._process = subprocess.Popen([sys.executable, "-c", _SERVE, port, str(self._database)])
        if wait:
            self.wait()

    def wait(self) -> None:
        """Return once it answers."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/info")
            except httpx.TransportError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"nothing answers at {self.url}")

    def kill(self) -> None:
        """End it as a lack of memory would: with no chance to say anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
