"""`eval-pipeline ui`: what it starts ends with it."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "eval-pipeline"


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_ending_it_ends_the_server_and_the_daemon(store: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [PROGRAM, "ui", "--port", str(port)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 180
    while not _listening(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _listening(port)

    process.send_signal(signal.SIGTERM)
    process.wait(timeout=120)

    assert not _listening(port)
    assert not store.exists()
