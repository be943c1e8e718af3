"""`eval-pipeline recorder`: what it prints and where it stores what it records."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

PROGRAM = Path(sys.executable).parent / "eval-pipeline"


def _started(port: int) -> "subprocess.Popen[str]":
    return subprocess.Popen([PROGRAM, "recorder", "--port", str(port)], stderr=subprocess.PIPE, text=True)


def test_by_default_it_shows_what_runs_of_the_dagster_home_wrote(store: Path) -> None:
    process = _started(0)
    assert process.stderr is not None
    line = process.stderr.readline()
    answer = httpx.get(f"{line.split()[2]}/info")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)

    database = store.parent / "home" / "recorder.sqlite"
    assert re.match(
        rf"recorder on http://127\.0\.0\.1:[1-9]\d* · {re.escape(str(database))} · LANGSMITH_ENDPOINT=", line
    )
    assert answer.status_code == 200
    assert database.exists()


def test_where_the_port_is_taken_it_does_not_say_that_it_is_there(store: Path) -> None:
    assert not store.exists()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        process = _started(port)
        _, line = process.communicate(timeout=120)

    assert process.returncode != 0
    assert "cannot listen" in line
    assert "recorder on" not in line
