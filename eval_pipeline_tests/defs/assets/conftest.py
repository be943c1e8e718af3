"""The small suite on a Dagster instance of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.small_suite import write_small_suite


@pytest.fixture
def project(tmp_path: Path) -> Iterator[DagsterProject]:
    """The small suite, its partitions not yet registered."""
    folder = write_small_suite(tmp_path / "shop")
    with dagster_instance(tmp_path) as instance:
        yield DagsterProject(folder=folder, suite="shop", instance=instance, store_root=tmp_path / "store")
