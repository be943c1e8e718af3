"""`eval-pipeline ui`: what it starts ends with it."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from eval_pipeline_tests.child_processes import running_processes
from eval_pipeline_tests.cli.terminal import Terminal

PROGRAM = Path(sys.executable).parent / "eval-pipeline"


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def _opened(port: int, *, output: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `eval-pipeline ui` while the context is open; stderr goes to `output`."""
    process = subprocess.Popen([PROGRAM, "ui", "--port", str(port)], stderr=output, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 180
        while not _listening(port) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert _listening(port)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


def test_it_has_one_code_server_whose_runs_trace_to_where_the_recorder_is_and_ends_all_that_it_started(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    log = tmp_path / "stderr.txt"
    monkeypatch.delenv("LANGSMITH_TRACING", raising=False)
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "recorder")
    with socket.socket() as taken, log.open("wb") as stderr:
        # The recorder has to listen at another port.
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        name, number = taken.getsockname()
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", f"http://{name}:{number}")
        with _opened(port, output=stderr.fileno()) as process:
            _until(lambda: f"Dagster UI on http://127.0.0.1:{port}" in log.read_text())
            started = _below(process.pid)
            assert httpx.get(f"http://127.0.0.1:{port}/server_info").status_code == 200
            # Dagster's proxy for reloads, and the code server behind it.
            assert sum("code-server start" in command for command in started.values()) == 1
            (code_server,) = (pid for pid, command in started.items() if "api grpc" in command)
            url = _environment(code_server)["EVAL_PIPELINE_RECORDER_URL"]
            assert url != f"http://{name}:{number}"
            _until(lambda: _answers(url))
    assert f"cannot listen on {name}:{number}" in log.read_text()
    assert f"the recorder is on {url}" in log.read_text()
    assert not _listening(port)
    assert not store.exists()
    # Those that this process adopted are still there when they have ended, without a command line.
    _until(lambda: not any(command for pid, (_, command) in running_processes().items() if pid in started))


def _environment(pid: int) -> dict[str, str]:
    """The variables that a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def _below(pid: int) -> dict[int, str]:
    """The command lines of the processes that a process started, directly or not."""
    below, processes = {pid}, running_processes()
    while more := {each for each, (parent, _) in processes.items() if parent in below} - below:
        below |= more
    return {each: processes[each][1] for each in below - {pid}}


def test_a_port_that_is_taken_is_refused_at_once(terminal: Terminal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]

        refused = terminal("ui", "--port", number)

    assert refused.code == 2
    assert f"cannot listen on 127.0.0.1:{number}" in refused.stderr
    assert "choose another --port" in refused.stderr


def test_a_port_for_a_recorder_that_gets_no_traces_is_refused(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "off")
    refused = terminal("ui", "--recorder-port", 1999)
    assert refused.code == 2
    assert "traces do not go to the recorder" in refused.stderr


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/info").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_loopback_it_does_not_listen_unasked(terminal: Terminal, host: str) -> None:
    refused = terminal("ui", "--host", host)
    assert refused.code == 2
    assert "the Dagster UI has no authentication" in refused.stderr
    assert "--unprotected" in refused.stderr
