"""A recorder in a process of its own, which can be killed and comes back on its port and its file."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from eval_pipeline_tests.ports import reserved_port
from eval_pipeline_tests.waiting import wait_for

_SERVE = (
    "import sys; from eval_pipeline.recorder.server import serve; serve(port=int(sys.argv[1]), db_path=sys.argv[2])"
)


class RecorderProcess:
    """A recorder at a port that is reserved for it."""

    def __init__(self, database: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-c", _SERVE, str(port), str(database)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start it; by default returns once it answers."""
        self._process = subprocess.Popen(self._command)
        if wait:
            self.wait()

    def wait(self) -> None:
        """Return once it answers."""
        wait_for(self._answers, patience_s=60, otherwise=lambda: f"nothing answers at {self.url}")

    def kill(self) -> None:
        """End it as a lack of memory would: with no chance to say anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{self.url}/info")
            return True
        return False


@contextlib.contextmanager
def recorder_process(database: Path) -> Iterator[RecorderProcess]:
    """A recorder that answers, killed at the end."""
    with reserved_port() as port:
        recorder = RecorderProcess(database, port)
        try:
            recorder.start()
            yield recorder
        finally:
            recorder.kill()
