"""The same suite on a folder and in a bucket."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server, moto_server


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture
def bucket(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    settings = {
        "AWS_ENDPOINT_URL_S3": server.endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return server.bucket()


def test_a_folder_and_a_bucket_give_the_same_context_and_the_same_verdicts(
    terminal: Terminal, suite: Path, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents: dict[str, Any] = {}
    for store in (str(tmp_path / "store"), f"s3://{bucket}/team"):
        monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / f"cache-{len(documents)}"))
        done = terminal("run", suite, "--store", store, "--json")
        assert done.code == 0, done.stderr
        documents[store] = done.document
    local, remote = documents.values()
    assert local["context_id"] == remote["context_id"]
    for name in ("metrics", "pass_at_k", "status_counts"):
        assert local[name] == remote[name]
    assert {name: part["pass_rate"] for name, part in local["slices"].items()} == {
        name: part["pass_rate"] for name, part in remote["slices"].items()
    }
    assert remote["report"].startswith(f"s3://{bucket}/team/experiments/shop/")
    stored = [set(map(_without_names, open_store(store).list(""))) for store in documents]
    assert stored[0] == stored[1]


def test_a_bucket_that_cannot_be_reached_ends_with_its_cause(
    terminal: Terminal, suite: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        done = terminal("run", suite, "--store", f"s3://{bucket}/team")
    assert done.code == 3
    assert "check that the endpoint can be reached" in done.stderr


def _without_names(key: str) -> str:
    """A key without what differs from run to run: names of experiments and runs, and the hash of what holds times."""
    parts = key.split("/")
    if parts[0] == "experiments":
        return parts[3].split("-")[0]
    return parts[0] if parts[0] == "trends" else key.split("/trace.", maxsplit=1)[0]
