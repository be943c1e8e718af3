"""Proxies of the environment never get a request to this machine, from us or from what we start."""

import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
import requests

from eval_pipeline.defs.sensors.webhook import post
from eval_pipeline.doctor.services import check_tracing
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.recorder.endpoint import Endpoint
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.serving.loopback import exempt_loopback_from_proxies
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline_tests.cli.terminal import Terminal

_PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


class _Proxy(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 - one proxy at a time

    def _answer(self) -> None:
        self.asked.append(self.requestline)
        self.send_error(502)

    do_GET = do_POST = do_PATCH = do_CONNECT = _answer  # noqa: N815 - names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as there
        """Say nothing."""


@pytest.fixture(params=[("HTTP_PROXY",), ("http_proxy",), ("ALL_PROXY",), _PROXIES])
def proxy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A proxy that the environment names in one way or another; what it was asked."""
    with HTTPServer(("127.0.0.1", 0), _Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in (*_PROXIES, "NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
        for name in request.param:
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
        _Proxy.asked = []
        yield _Proxy.asked
        server.shutdown()


def test_our_own_clients_do_not_ask_it(proxy: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with RecorderServer() as server:
        settings = LangSmithSettings(mode="recorder", recorder_url=server.url)
        with Connection(settings.destinations[0], settings) as connection:
            assert connection.request("GET", "/info").ok
        assert [finding.health for finding in check_tracing(settings)][:1] == ["ok"]
        with Endpoint(server.url, {}) as endpoint:
            assert endpoint.json("GET", "/info")[0] == 200
        monkeypatch.setenv("EVAL_PIPELINE_WEBHOOK", f"{server.url}/annotation-queues")
        assert "answered 4" in (post("EVAL_PIPELINE_WEBHOOK", {}) or "")
    assert proxy == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_clients_of_models_and_targets_do_not_ask_it_either(proxy: list[str], host: str) -> None:
    exempt_loopback_from_proxies()
    with RecorderServer() as server:
        url = f"{server.url}/info".replace("127.0.0.1", host)
        assert httpx.get(url).status_code == 200
        assert requests.get(url, timeout=10).status_code == 200
        with urllib.request.urlopen(url) as answer:
            assert answer.status == 200
        program = "import requests, sys; sys.exit(requests.get(sys.argv[1], timeout=10).status_code != 200)"
        assert subprocess.run([sys.executable, "-c", program, url], check=False).returncode == 0
    assert proxy == []


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_exceptions_that_the_user_named_stay(proxy: list[str], monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    del proxy
    monkeypatch.setenv(variable, "models.internal, localhost")
    exempt_loopback_from_proxies()
    exempt_loopback_from_proxies()
    expected = "models.internal,localhost,127.0.0.1,::1"
    assert (os.environ["NO_PROXY"], os.environ["no_proxy"]) == (expected, expected)


def test_without_a_proxy_the_environment_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_PROXIES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    exempt_loopback_from_proxies()
    assert "NO_PROXY" not in os.environ
    assert "no_proxy" not in os.environ


def test_a_run_traces_to_a_recorder_of_this_machine_past_a_dead_proxy(
    terminal: Terminal, suite: Path, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    for name in (*_PROXIES, "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}" if name in _PROXIES else "")
    monkeypatch.delenv("LANGSMITH_TRACING")
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "recorder")
    with RecorderServer() as running:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", running.url)
        finished = terminal("run", suite)
        rows = running.recorder.database.row("SELECT count(*) FROM runs WHERE parent_id IS NULL")

    assert f"traces      {running.url}/o/" in finished.stdout
    assert "cannot be reached" not in finished.stderr
    assert rows is not None
    assert rows[0] >= 3
