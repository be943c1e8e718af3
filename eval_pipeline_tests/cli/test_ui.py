"""`eval-pipeline ui`: what it starts ends with it."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eval_pipeline_tests.cli.terminal import Terminal

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


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_loopback_it_does_not_listen_unasked(terminal: Terminal, host: str) -> None:
    refused = terminal("ui", "--host", host)
    assert refused.code == 2
    assert "the Dagster UI knows no users" in refused.stderr
    assert "--unprotected" in refused.stderr
