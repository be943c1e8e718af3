"""The benchmark of the whole job: that our side runs it from a suite on disk to durable results."""

from pathlib import Path

import pytest

from bench.pipeline import OURS, RESULTS

pytestmark = pytest.mark.usefixtures("warm_sides")


def test_the_whole_job_runs_untraced() -> None:
    measured = OURS.run(cases=3, delay_s=0.0, concurrency=2, url=None)

    assert measured["passed"] == 3
    assert measured["cpu_s"] > 0


def test_results_are_measured_without_dagster() -> None:
    measured = RESULTS.run(cases=3, delay_s=0.0, concurrency=2)

    assert measured["passed"] == 3


def test_the_whole_job_runs_with_another_dagster_yaml(tmp_path: Path) -> None:
    sqlite = {"storage": {"sqlite": {"base_dir": str(tmp_path / "there")}}}

    measured = OURS.run(cases=2, delay_s=0.0, concurrency=2, url=None, dagster=sqlite)

    assert measured["passed"] == 2
    assert (tmp_path / "there").is_dir()
