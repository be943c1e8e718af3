"""A running recorder, and the SDK's client on it in each of the three `/info` profiles."""

from collections.abc import Iterator

import pytest
from langsmith import Client

from eval_pipeline.recorder.config import InfoProfile, RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import a_client


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[InfoProfile, RecorderServer]]:
    """One running server for each profile: stopping one costs more than most tests."""
    running = {profile: RecorderServer(config=RecorderConfig(profile=profile)).start() for profile in InfoProfile}
    yield running
    for server in running.values():
        server.stop()


@pytest.fixture
def server(servers: dict[InfoProfile, RecorderServer]) -> RecorderServer:
    """An empty server of the modern profile."""
    servers[InfoProfile.MODERN].recorder.clear()
    return servers[InfoProfile.MODERN]


@pytest.fixture(params=list(InfoProfile), ids=str)
def any_profile(request: pytest.FixtureRequest, servers: dict[InfoProfile, RecorderServer]) -> RecorderServer:
    """An empty server of each profile."""
    chosen = servers[request.param]
    chosen.recorder.clear()
    return chosen


@pytest.fixture
def errors() -> list[Exception]:
    """The errors of the client's sending thread."""
    return []


@pytest.fixture
def client(any_profile: RecorderServer, errors: list[Exception]) -> Iterator[Client]:
    sdk = a_client(any_profile, errors)
    yield sdk
    sdk.close()
