"""A recorder in a process of its own, which a test can kill and restart on the same port and database."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_SERVE = """
import sys
from eval_pipeline.recorder.server import serve
serve(port=int(sys.argv[1]), db_path=sys.argv[2], started=lambda url: print(url, flush=True))
"""


class RecorderProcess:
    """A recorder that runs within `with`. Its first start takes a free port."""

    def __init__(self, database: Path) -> None:
        self.url = ""
        self._database = database
        self._process: subprocess.Popen[str] | None = None
        self._answers = False

    def start(self, *, wait: bool = True) -> None:
        """Start it; by default return once it answers."""
        port = self.url.rpartition(":")[2] or "0"
        command = [sys.executable, "-c", _SERVE, port, str(self._database)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._answers = False
        if wait:
            self.wait()

    def wait(self) -> None:
        """Return once it answers."""
        if self._answers:
            return
        assert self._process is not None
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url, "the recorder ended before it answered"
        self._answers = True

    def kill(self) -> None:
        """End it with SIGKILL, as the kernel does when memory runs out."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
