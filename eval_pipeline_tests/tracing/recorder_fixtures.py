"""A running recorder with nothing in it, and settings that point at it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eval_pipeline.langsmith.circuit_breaker import breaker_of
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline_tests.tracing.datasets import CountingConnection

MakeSettings = Callable[..., LangSmithSettings]


@pytest.fixture(scope="session")
def shared_server() -> Iterator[RecorderServer]:
    with RecorderServer() as running:
        yield running


@pytest.fixture
def server(shared_server: RecorderServer) -> Iterator[RecorderServer]:
    shared_server.recorder.clear()
    shared_server.faults.clear()
    shared_server.faults.fired.clear()
    # All connections of the process share the breaker of a URL, and a test before may have left it open.
    breaker_of(shared_server.url).succeeded()
    yield shared_server
    shared_server.faults.clear()


@pytest.fixture
def make_settings(server: RecorderServer, tmp_path: Path) -> MakeSettings:
    def make(**fields: object) -> LangSmithSettings:
        values = {
            "recorder_url": server.url,
            "spool_folder": tmp_path / "spool",
            "upload_interval_seconds": 0.05,
            "request_timeout_seconds": 10.0,
        }
        return LangSmithSettings.model_validate({**values, **fields})

    return make


@pytest.fixture
def connection(make_settings: MakeSettings) -> Iterator[CountingConnection]:
    with CountingConnection(make_settings()) as opened:
        yield opened
