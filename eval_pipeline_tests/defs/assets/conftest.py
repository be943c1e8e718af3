"""The small suite on a Dagster instance of its own, before and after a run of its cases."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject, project_in
from eval_pipeline_tests.small_suite import write_small_suite


@pytest.fixture
def project(tmp_path: Path) -> Iterator[DagsterProject]:
    """The small suite, its partitions not yet registered."""
    write_small_suite(tmp_path / "shop")
    with dagster_instance(tmp_path) as instance:
        yield project_in(tmp_path, instance)


@pytest.fixture
def evaluated(evaluated_once: Path, tmp_path: Path) -> Iterator[DagsterProject]:
    """The small suite after one run of its three cases: a copy, which the test may change."""
    shutil.copytree(evaluated_once, tmp_path, dirs_exist_ok=True)
    with dagster_instance(tmp_path) as instance:
        yield project_in(tmp_path, instance)


@pytest.fixture(scope="session")
def evaluated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that run."""
    folder = tmp_path_factory.mktemp("evaluated")
    write_small_suite(folder / "shop")
    with pytest.MonkeyPatch.context() as patch, dagster_instance(folder) as instance:
        patch.setenv("EVAL_PIPELINE_CACHE", str(folder / "cache"))
        project = project_in(folder, instance)
        project.register(["gold", "milk", "tea"])
        assert project.run("gold", "tea").success
    return folder
