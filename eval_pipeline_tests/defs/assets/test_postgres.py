"""The partitioned run on Postgres: reported many at once, and a database that restarts meanwhile costs nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.results.result_log import read_all_rows
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.many_cases import ActsAt, case_ids, write_many_cases
from eval_pipeline_tests.postgres import Postgres, running_postgres

CASES = case_ids(70)
BACKFILL = {"dagster/backfill": "abcdefgh"}


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    with running_postgres(tmp_path / "postgres") as running:
        yield running


@pytest.fixture
def many(tmp_path: Path, postgres: Postgres) -> Iterator[DagsterProject]:
    folder = write_many_cases(tmp_path / "many", len(CASES))
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home"), overrides=postgres.overrides) as instance:
        project = DagsterProject(folder=folder, suite="many", instance=instance, store_root=tmp_path / "store")
        project.register(CASES)
        yield project


def _events(project: DagsterProject) -> list[str]:
    records = project.instance.fetch_materializations(project.key("case_results"), limit=1000).records
    return sorted(str(record.partition_key) for record in records)


def _results(project: DagsterProject) -> list[str]:
    (experiment,) = {key.split("/")[2] for key in project.store.list("experiments/many/")}
    return sorted(read_all_rows(project.store, "many", experiment).column("case_id").to_pylist())


def test_runs_and_their_retries_report_every_partition_once(many: DagsterProject) -> None:
    assert many.run(CASES[0], CASES[59], tags=BACKFILL).success
    assert many.run(CASES[0], CASES[-1], tags=BACKFILL).success

    assert _events(many) == CASES
    assert _results(many) == CASES
    assert many.materialized() == set(CASES)


def test_a_database_that_restarts_during_the_run_costs_nothing_that_was_finished(
    many: DagsterProject, postgres: Postgres
) -> None:
    restart = ActsAt(actions={35: lambda: postgres.control("restart", "-m", "immediate")})
    replace(many, progress=restart).run(CASES[0], CASES[-1], tags=BACKFILL)
    assert len(_results(many)) >= 35

    assert many.run(CASES[0], CASES[-1], tags=BACKFILL).success

    assert _events(many) == CASES
    assert _results(many) == CASES
