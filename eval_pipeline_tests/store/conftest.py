"""Stores of every kind, for the tests of what they have in common."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from eval_pipeline.store.local import LocalStore
from eval_pipeline.store.s3 import S3Store
from eval_pipeline.store.store import Store
from eval_pipeline_tests.s3_servers import S3Server, missing_programs, moto_server, radosgw_server


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    """moto's server."""
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def radosgw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Ceph's object store."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed (Debian: radosgw ceph-mon ceph-osd)")
    with radosgw_server(tmp_path_factory.mktemp("ceph")) as server:
        yield server


@pytest.fixture(params=["moto", "radosgw"])
def s3(request: pytest.FixtureRequest) -> S3Server:
    """Every S3 server there is."""
    return cast("S3Server", request.getfixturevalue(request.param))


StoreOpener = Callable[[], Store]
"""Opens the same store again, as another process would."""


@pytest.fixture(params=["local", "moto", "radosgw"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> StoreOpener:
    """Opens a store, empty at first, of every kind."""
    if request.param == "local":
        return lambda: LocalStore(tmp_path / "store")
    server = cast("S3Server", request.getfixturevalue(request.param))
    bucket = server.bucket()
    return lambda: S3Store(server.client(), bucket=bucket, prefix="team/evaluation")


@pytest.fixture
def store(opener: StoreOpener) -> Store:
    """A store of every kind, empty."""
    return opener()
