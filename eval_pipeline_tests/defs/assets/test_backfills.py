"""Backfills as a real daemon runs them: scattered keys, several runs, those that failed again, cancelled ones."""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.results.result_log import read_all_rows
from eval_pipeline_tests.defs.assets.backfills import Backfills, running_backfills
from eval_pipeline_tests.postgres import running_postgres

SCATTERED = ["c00", "c02", "c03", "c07", "c08", "c11", "c15"]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def backfills(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backfills]:
    folder = tmp_path_factory.mktemp("deployment")
    with contextlib.ExitStack() as stack:
        storage = None
        if request.param == "postgres":
            storage = stack.enter_context(running_postgres(folder / "postgres")).overrides
        yield stack.enter_context(running_backfills(folder / "project", storage))


def _experiments(backfills: Backfills) -> dict[str, list[str]]:
    store = backfills.project.store
    names = {key.split("/")[2] for key in store.list("experiments/filled/")}
    return {
        name: sorted(read_all_rows(store, "filled", name, columns=["case_id"])["case_id"].to_pylist()) for name in names
    }


def test_failed_partitions_of_scattered_ones_are_retried_alone_into_the_same_experiment(backfills: Backfills) -> None:
    before, calls = _experiments(backfills), Counter(backfills.calls)
    dies = backfills.flag("dies-of-c07")
    dies.touch()
    first = backfills.launch(SCATTERED)
    assert backfills.end_of(first) == "COMPLETED_FAILED"
    assert len(backfills.runs_of(first)) > 2
    assert SCATTERED[3] not in backfills.project.materialized()
    done = {case_id for name, rows in _experiments(backfills).items() if name not in before for case_id in rows}
    assert done < set(SCATTERED)

    dies.unlink()
    again = backfills.api.retry_backfill(first)
    assert backfills.end_of(again) == "COMPLETED_SUCCESS"

    (rows,) = (rows for name, rows in _experiments(backfills).items() if name not in before)
    assert rows == SCATTERED
    assert backfills.project.materialized() >= set(SCATTERED)
    asked = Counter(backfills.calls)
    asked.subtract(calls)
    # Nothing that was finished is paid again; what the process died of was asked twice.
    assert {key: number for key, number in asked.items() if number} == {
        key: 2 if key == "c07" else 1 for key in SCATTERED
    }


def test_a_cancelled_backfill_keeps_what_it_finished(backfills: Backfills) -> None:
    before, materialized = _experiments(backfills), backfills.project.materialized()
    waits = backfills.flag("waits-at-c05")
    waits.touch()
    backfill = backfills.launch(["c04", "c05", "c06"])
    backfills.until(lambda: backfills.calls[-1:] == ["c05"])
    backfills.until(lambda: "c04" in backfills.project.materialized())

    status = backfills.cancel(backfill)
    waits.unlink()

    assert status == "CANCELED"
    assert {run.status for run in backfills.runs_of(backfill)} == {dg.DagsterRunStatus.CANCELED}
    assert [rows for name, rows in _experiments(backfills).items() if name not in before] == [["c04"]]
    assert backfills.project.materialized() - materialized == {"c04"}


def test_the_query_of_the_documentation_gives_the_outcome_of_each_partition(backfills: Backfills) -> None:
    docs = Path(__file__).resolve().parents[3] / "docs" / "dagster.md"
    (query,) = re.findall(r"```graphql\n(.*?)```", docs.read_text(), re.DOTALL)
    if "c01" not in backfills.project.materialized():
        assert backfills.end_of(backfills.launch(["c01"])) == "COMPLETED_SUCCESS"

    node = backfills.api.query(query, suite="filled")["assetNodeOrError"]

    assert "c01" in node["assetPartitionStatuses"]["materializedPartitions"]
    checks = {check["name"]: check["partitionStatuses"] for check in node["assetChecksOrError"]["checks"]}
    assert "c01" in checks["case_passed"]["succeededPartitions"]
    (materialization,) = node["assetMaterializations"]
    assert "eval/fingerprint" in {entry["label"] for entry in materialization["metadataEntries"]}
