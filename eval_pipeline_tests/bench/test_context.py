"""The benchmark of the shared context: two workers make one copy, and a worker reports its measurements."""

from pathlib import Path

import pytest

from bench.context import measure
from eval_pipeline.settings import CACHE_VARIABLE

pytestmark = pytest.mark.usefixtures("warm_sides")


def test_two_workers_at_once_download_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))

    cold, warm = measure(tmp_path, rows=2_048, rounds=1)

    downloaded = sorted(worker["read_mb"] for worker in cold)
    assert downloaded[1] > 1
    assert downloaded[0] < 0.1  # the manifest
    assert warm[0]["read_mb"] < 0.1
    assert warm[0]["table_mb"] == pytest.approx(2.0, rel=0.01)
