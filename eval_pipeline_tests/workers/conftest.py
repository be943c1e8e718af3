"""An experiment that was begun in a bucket, by the first state of a state machine, and is traced to a recorder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.s3_servers import S3Server, moto_server
from eval_pipeline_tests.workers.begun import Begun, set_up_environment, write_counting_suite


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    """moto's server."""
    with moto_server() as server:
        yield server


@pytest.fixture
def begun(moto: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begun]:
    """Ten cases, two tasks; nothing of them is done."""
    with RecorderServer() as recorder:
        suite = write_counting_suite(tmp_path / "suites" / "counted", cases=10)
        begun = Begun(folder=tmp_path, suite=suite, bucket=moto.bucket(), endpoint=moto.endpoint, recorder=recorder.url)
        set_up_environment(begun, monkeypatch)
        yield begun
