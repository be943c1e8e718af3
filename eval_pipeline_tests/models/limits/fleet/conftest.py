"""Ledgers of every kind, each on a server of its own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline.models.limits.fleet.ledger import Ledger, open_ledger
from eval_pipeline_tests.postgres import running_postgres
from eval_pipeline_tests.redis_server import RedisServer, running_redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    # Not in pytest's folder, which every other pytest that begins closes to the server's user again.
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder) / "data") as server:
        yield f"postgresql://dagster@127.0.0.1:{server.port}/postgres"


@pytest.fixture(scope="session", params=["redis", "postgres"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    if request.param == "redis":
        return str(request.getfixturevalue("redis_server").url)
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def ledger(ledger_url: str) -> Iterator[Ledger]:
    ledger = open_ledger(ledger_url)
    yield ledger
    ledger.close()
