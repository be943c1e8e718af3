"""A run of pytest that is ended leaves no process behind, whatever its tests started."""

import os
import signal
from pathlib import Path

import pytest

from eval_pipeline_tests.waiting import wait_for
from eval_pipeline_tests.warm_processes import start_warm

_WAITING_TEST = """
import subprocess
import time


def test_waits():
    # The shell ends at once: its child is an orphan in a session of its own.
    subprocess.run(["sh", "-c", "setsid sleep {seconds} &"])
    time.sleep(300)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_processes_of_tests_end_with_them(number: signal.Signals, tmp_path: Path) -> None:
    seconds = f"300.{os.getpid()}{number:d}"
    (tmp_path / "test_waits.py").write_text(_WAITING_TEST.format(seconds=seconds))
    log = tmp_path / "log"
    plugins = ("-p", "eval_pipeline_tests.conftest", "-p", "no:cacheprovider", "-p", "no:xdist")
    run = start_warm(
        "pytest:console_main", *plugins, "--rootdir", tmp_path, "test_waits.py", folder=tmp_path, stdout=log, stderr=log
    )
    try:
        wait_for(lambda: _running(seconds), timeout_s=60, otherwise=log.read_text)

        run.send_signal(number)

        run.wait(60)
    finally:
        run.kill()
    assert "KeyboardInterrupt" in log.read_text()
    assert not _running(seconds)


def _running(seconds: str) -> list[str]:
    """The processes that sleep for so long."""
    command = f"sleep\0{seconds}\0".encode()
    return [path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if _content(path) == command]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended
        return b""
