"""The recorder of a home: one for all its processes, at a port of its own, never another home's."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from eval_pipeline.langsmith.local_recorder import home_instance, local_recorder
from eval_pipeline.recorder.home import HomeAddress
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline_tests.simultaneous_runs import claim_usual_ports, recorder_processes

_USER = """
import sys, time
from pathlib import Path
from eval_pipeline.langsmith.local_recorder import local_recorder
from eval_pipeline.settings import LangSmithSettings

with local_recorder(LangSmithSettings(mode="recorder"), Path(sys.argv[1])) as recorder:
    print(recorder.url, flush=True)
    sys.stdin.read()
"""
SETTINGS = LangSmithSettings(mode="recorder")


@pytest.fixture(autouse=True)
def _other_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EVAL_PIPELINE_RECORDER_URL")
    claim_usual_ports(tmp_path / "cache")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home, whose recorder has ended when the test has."""
    yield tmp_path / "home"
    until(lambda: recorder_processes(tmp_path / "home") == 0)


@contextlib.contextmanager
def user(home: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Another process that uses the home's recorder, and the URL that it uses."""
    process = subprocess.Popen(
        [sys.executable, "-c", _USER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.communicate()


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether a recorder answers."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/info", timeout=10).status_code == 200
    return False


def instance_at(url: str) -> str:
    """Whose the recorder at an address is."""
    instance: str = httpx.get(f"{url}/info", timeout=10).json()["recorder"]["instance_id"]
    return instance


def test_processes_of_one_home_share_a_recorder_that_ends_with_the_last(home: Path) -> None:
    with user(home) as (first, url), local_recorder(SETTINGS, home) as recorder:
        assert recorder is not None
        assert recorder.url == url
        assert recorder_processes(home) == 1
        assert instance_at(url) == home_instance(home)
        first.kill()
        first.wait()
        time.sleep(1)
        assert answers(url)
    until(lambda: not answers(url))

    with local_recorder(SETTINGS, home) as again:
        assert again is not None
        assert (again.url, again.moved) == (url, None)


def test_a_process_that_is_killed_leaves_no_recorder_behind(home: Path) -> None:
    with user(home) as (process, url):
        os.kill(process.pid, signal.SIGKILL)
    until(lambda: not answers(url))


def test_processes_that_begin_at_once_start_one(home: Path) -> None:
    with contextlib.ExitStack() as stack:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", _USER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        for process in processes:
            stack.callback(process.communicate)
        urls = {process.stdout.readline().strip() for process in processes if process.stdout is not None}
        assert len(urls) == 1
        assert recorder_processes(home) == 1


def test_homes_have_recorders_and_ports_of_their_own(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with user(other) as (_, others_url), local_recorder(SETTINGS, home) as recorder:
        assert recorder is not None
        assert recorder.url != others_url
        assert instance_at(recorder.url) != instance_at(others_url)
    until(lambda: recorder_processes(other) == 0)


def test_a_copy_of_a_home_does_not_use_the_recorder_of_the_original(home: Path, tmp_path: Path) -> None:
    with user(home) as (_, url):
        shutil.copytree(home, tmp_path / "copy")
        with local_recorder(SETTINGS, tmp_path / "copy") as recorder:
            assert recorder is not None
            assert recorder.url != url
            assert recorder.moved is not None
        address = HomeAddress.read(tmp_path / "copy")
        assert address is not None
        assert address.port == urlsplit(url).port
    until(lambda: recorder_processes(tmp_path / "copy") == 0)


def test_a_home_keeps_its_port_though_another_program_has_it_for_a_while(home: Path) -> None:
    with local_recorder(SETTINGS, home) as recorder:
        assert recorder is not None
        url = recorder.url
    until(lambda: recorder_processes(home) == 0)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", urlsplit(url).port or 0))
        taken.listen()
        taken.close()
        with socket.create_server(("127.0.0.1", urlsplit(url).port or 0)), local_recorder(SETTINGS, home) as moved:
            assert moved is not None
            assert moved.url != url
            assert "port is in use" in (moved.moved or "")
    until(lambda: recorder_processes(home) == 0)
    with local_recorder(SETTINGS, home) as back:
        assert back is not None
        assert (back.url, back.moved) == (url, None)


def test_an_address_that_the_user_set_is_used_unless_it_is_another_homes(home: Path, tmp_path: Path) -> None:
    with RecorderServer() as shared:
        chosen = LangSmithSettings(mode="recorder", recorder_url=shared.url)
        with local_recorder(chosen, home) as recorder:
            assert recorder is not None
            assert recorder.url == shared.url
            assert not (home / "recorder.sqlite").exists()
    with user(tmp_path / "other") as (_, others_url):
        chosen = LangSmithSettings(mode="recorder", recorder_url=others_url)
        with local_recorder(chosen, home) as recorder:
            assert recorder is not None
            assert recorder.url != others_url
            assert "another Dagster home" in (recorder.moved or "")
    until(lambda: recorder_processes(tmp_path / "other") == 0)


def test_settings_read_within_have_its_address(home: Path) -> None:
    with local_recorder(SETTINGS, home) as recorder:
        assert recorder is not None
        assert LangSmithSettings.from_environment().recorder_url == recorder.url
    assert "EVAL_PIPELINE_RECORDER_URL" not in os.environ
