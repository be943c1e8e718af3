"""What Dagster and LangSmith show of results that were reused from an earlier experiment."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject

CASES = ["gold", "milk", "tea"]
UNCHANGED = {"reuse": "unchanged"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecorderServer]:
    with RecorderServer(db_path=tmp_path / "recorder.sqlite") as running:
        yield running


@pytest.fixture
def traced(project: DagsterProject, server: RecorderServer, tmp_path: Path) -> DagsterProject:
    project.register(CASES)
    langsmith = LangSmithResource(
        mode="recorder", tracing_enabled=True, recorder_url=server.url, spool_folder=str(tmp_path / "spool")
    )
    return replace(project, langsmith=langsmith)


def _rows(server: RecorderServer, experiment: str) -> list[dict[str, Any]]:
    (session,) = httpx.get(f"{server.url}/sessions", params={"name": experiment}).json()
    body = {"session": [session["id"]], "is_root": True, "limit": 100}
    rows = httpx.post(f"{server.url}/runs/query", json=body).json()["runs"]
    return sorted(rows, key=lambda run: str(run["name"]))


def _materializations(project: DagsterProject, run_id: str) -> dict[str, dg.AssetMaterialization]:
    records = project.instance.fetch_materializations(project.key("case_results"), limit=100).records
    return {
        str(record.partition_key): record.asset_materialization
        for record in records
        if record.run_id == run_id and record.asset_materialization
    }


def _experiment(result: dg.ExecuteInProcessResult) -> str:
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        if materialization.asset_key.path[-1] == "experiment":
            return str(materialization.metadata["eval/experiment"].value)
    raise AssertionError


def test_reused_results_are_rows_with_a_link_to_their_trace(traced: DagsterProject, server: RecorderServer) -> None:
    first = traced.run("gold", "tea")
    second = traced.run("gold", "tea", config=UNCHANGED)

    assert second.success
    before, after = _rows(server, _experiment(first)), _rows(server, _experiment(second))
    assert [row["name"] for row in after] == CASES
    for old, new in zip(before, after, strict=True):
        metadata = new["extra"]["metadata"]
        assert metadata["carried_from_experiment"] == _experiment(first)
        assert old["id"] in metadata["carried_from_trace"]
        assert new["reference_example_id"] == old["reference_example_id"]
        assert new["outputs"] == old["outputs"]
        assert {key: stats["avg"] for key, stats in new["feedback_stats"].items()} == {
            key: stats["avg"] for key, stats in old["feedback_stats"].items()
        }
    assert {check.check_name: check.passed for check in second.get_asset_check_evaluations()}["traces_complete"]


def test_a_reused_partition_keeps_its_data_version_and_reads_the_versions_of_now(traced: DagsterProject) -> None:
    first = traced.run("gold", "tea")
    text = (traced.folder / "cases.yaml").read_text()
    (traced.folder / "cases.yaml").write_text(text.replace('"4.20"', '"4.2"'))
    second = traced.run("gold", "tea", config=UNCHANGED)

    before, after = (_materializations(traced, result.dagster_run.run_id) for result in (first, second))

    def version(event: dg.AssetMaterialization, name: str) -> str:
        return (event.tags or {})[f"dagster/{name}"]

    kept = {case: version(before[case], "data_version") == version(after[case], "data_version") for case in CASES}
    assert kept == {"gold": True, "milk": True, "tea": False}
    assert after["milk"].metadata["eval/carried_from"].value == _experiment(first)
    assert "eval/carried_from" not in after["tea"].metadata
    datasets = {version(event, "input_data_version/shop/test_cases") for event in after.values()}
    assert datasets == {str(after["tea"].metadata["eval/dataset_version"].value)}
    assert datasets != {version(before["tea"], "input_data_version/shop/test_cases")}


def test_dagster_finds_fresh_what_was_evaluated_and_stale_what_has_changed_since(traced: DagsterProject) -> None:
    """By the calculation that the UI shows, which has no public name."""
    from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus  # noqa: PLC0415
    from dagster._core.loader import LoadingContextForTest  # noqa: PLC0415

    def statuses() -> dict[str, str]:
        graph = traced.definitions.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(traced.instance, graph, LoadingContextForTest(traced.instance))
        key = traced.key("case_results")
        return {case: resolver.get_status(key, case).value for case in CASES}

    assert traced.run("gold", "milk").success
    assert statuses() == {"gold": "FRESH", "milk": "FRESH", "tea": "MISSING"}
    text = (traced.folder / "prices.csv").read_text()
    (traced.folder / "prices.csv").write_text(text + "coffee,2.00\n")
    assert traced.run("gold", "gold", assets=["test_cases", "shared_context"]).success
    assert statuses()["milk"] == StaleStatus.STALE.value
    assert traced.run("gold", "tea", config=UNCHANGED).success
    assert set(statuses().values()) == {StaleStatus.FRESH.value}
