"""A recorder in a process of its own, which a test can kill and restart on the same port and database."""

import contextlib
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from eval_pipeline_tests.ports import reserved_port

_SERVE = """
import sys
from eval_pipeline.recorder.server import serve
serve(port=int(sys.argv[1]), db_path=sys.argv[2], started=lambda url: print(url, flush=True))
"""


class RecorderProcess:
    """A recorder that runs within `with`, at a port that is its own also while it does not run."""

    def __init__(self, database: Path) -> None:
        self.url = ""
        self._port = contextlib.ExitStack()
        self._database = database
        self._process: subprocess.Popen[str] | None = None
        self._answers = False

    def start(self, *, wait: bool = True) -> None:
        """Start it; by default return once it answers."""
        port = self.url.rpartition(":")[2]
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
        assert self._process.stdout.readline(), "the recorder ended before it answered"
        self._answers = True

    def kill(self) -> None:
        """End it with SIGKILL, as the kernel does when memory runs out."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        self.url = f"http://127.0.0.1:{self._port.enter_context(reserved_port())}"
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._port.close()
