"""A Redis of its own for a test, which can be stopped and started under whoever uses it."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from eval_pipeline_tests.ports import reserved_port

_PATIENCE_S = 60.0


@dataclass(kw_only=True)
class RedisServer:
    """A server that may be running."""

    folder: Path
    port: int
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Run it, with nothing of what it knew before."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        options = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        self._process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
        until = time.monotonic() + _PATIENCE_S
        with redis.Redis.from_url(self.url) as client:
            while time.monotonic() < until:
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    return
                time.sleep(0.02)
        raise TimeoutError("redis-server did not start")

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    """A server; skips the test where none is installed."""
    if shutil.which("redis-server") is None:
        pytest.skip("Redis is not installed (Debian: apt-get install redis-server)")
    folder.mkdir(parents=True, exist_ok=True)
    with reserved_port() as port:
        server = RedisServer(folder=folder, port=port)
        server.start()
        try:
            yield server
        finally:
            server.stop()
