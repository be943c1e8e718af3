"""Runs that compare variants and promote the winner: with real evaluations, at the recorder's hub."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.defs.assets.variant_comparison import variant_comparison_op_name
from eval_pipeline.defs.jobs import promotion_job_name, variants_job_name
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.promotion.moves import read_moves
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.promotion.knowing_suite import publish_knowing, write_knowing_suite
from eval_pipeline_tests.promotion.moved import PLACE
from eval_pipeline_tests.prompts.published import hub_at

PROMOTED = dg.AssetKey(["shop", "promoted_prompt"])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecorderServer]:
    with RecorderServer(db_path=tmp_path / "recorder.sqlite") as running:
        yield running


@pytest.fixture
def current(server: RecorderServer) -> str:
    """What is in production: four of the twelve cases pass."""
    return publish_knowing(server.url, 4, tag="production")


def a_project(tmp_path: Path, server: RecorderServer, instance: dg.DagsterInstance, **fields: Any) -> DagsterProject:
    asked = {"promotion": {"enabled": True, "dry_run": False}, **fields}
    langsmith = LangSmithResource(mode="off", tracing_enabled=False, recorder_url=server.url)
    folder = write_knowing_suite(tmp_path / "shop", **asked)
    return DagsterProject(
        folder=folder, suite="shop", instance=instance, store_root=tmp_path / "store", langsmith=langsmith
    )


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dagster_instance(tmp_path / "home") as instance:
        yield instance


def promote(project: DagsterProject, *, job: str | None = None, commit: str | None = None) -> Any:
    config = {} if commit is None else {"prompt_commit": commit}
    return project.definitions.resolve_job_def(job or promotion_job_name("shop")).execute_in_process(
        instance=project.instance,
        run_config={"ops": {variant_comparison_op_name("shop"): {"config": config}}},
        raise_on_error=False,
    )


def only_promote(project: DagsterProject) -> Any:
    """Check and promote, from the comparison that is there."""
    checked = dg.AssetSelection.checks_for_assets(dg.AssetKey(["shop", "variant_comparison"]))
    job = dg.define_asset_job("only_promote", selection=dg.AssetSelection.assets(PROMOTED) | checked)
    definitions = dg.Definitions.merge(project.definitions, dg.Definitions(jobs=[job]))
    return definitions.resolve_job_def("only_promote").execute_in_process(
        instance=project.instance, raise_on_error=False
    )


def metadata_of(result: Any) -> dict[str, Any]:
    (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == PROMOTED]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def checks(result: Any) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def production(server: RecorderServer) -> str:
    return hub_at(server.url).tags("support")["production"]


def three_variants(server: RecorderServer) -> list[dict[str, str]]:
    commits = {name: publish_knowing(server.url, knows) for name, knows in (("bad", 0), ("better", 12), ("good", 11))}
    return [{"name": name, "prompt": f"hub:support:{commit}"} for name, commit in commits.items()]


def test_of_three_variants_the_best_is_promoted_and_the_one_before_is_kept(
    tmp_path: Path, server: RecorderServer, instance: dg.DagsterInstance, current: str
) -> None:
    variants = three_variants(server)
    best = variants[1]["prompt"].rpartition(":")[2]
    project = a_project(tmp_path, server, instance, variants=variants)

    result = promote(project)

    assert result.success
    assert checks(result) == {"winner_meets_gates": True, "tag_unmoved": True}
    metadata = metadata_of(result)
    assert (metadata["eval/promoted"], metadata["eval/commit_before"], metadata["eval/commit_after"]) == (
        True,
        current,
        best,
    )
    assert production(server) == best
    (recorded,) = read_moves(project.store, PLACE)
    assert (recorded.moved, recorded.move.before, recorded.move.comparison) == (
        True,
        current,
        metadata["eval/comparison"],
    )
    again = only_promote(project)
    assert again.success
    assert metadata_of(again)["eval/promoted"], "as when the first try's answer was lost"
    assert len(read_moves(project.store, PLACE)) == 1


def test_a_dry_run_says_what_it_would_do_and_does_nothing(
    tmp_path: Path, server: RecorderServer, instance: dg.DagsterInstance, current: str
) -> None:
    best = publish_knowing(server.url, 12)
    project = a_project(tmp_path, server, instance, promotion={"enabled": True})

    result = promote(project, commit=best)

    metadata = metadata_of(result)
    assert (metadata["eval/promoted"], metadata["eval/dry_run"], metadata["eval/commit_after"]) == (False, True, best)
    assert "would move" in metadata["eval/reason"]
    assert production(server) == current
    assert read_moves(project.store, PLACE) == []


def test_the_bad_variant_is_never_promoted_and_neither_is_one_that_may_be_better_by_chance(
    tmp_path: Path, server: RecorderServer, instance: dg.DagsterInstance, current: str
) -> None:
    project = a_project(tmp_path, server, instance)
    for knows in (0, 6):
        result = promote(project, commit=publish_knowing(server.url, knows))
        assert result.success
        assert not metadata_of(result)["eval/promoted"]
        assert production(server) == current


def test_a_winner_that_fails_the_gates_fails_its_check_and_nothing_is_promoted(
    tmp_path: Path, server: RecorderServer, instance: dg.DagsterInstance, current: str
) -> None:
    project = a_project(tmp_path, server, instance, gates={"min_pass_rate": 1.0})

    result = promote(project, commit=publish_knowing(server.url, 11))

    assert not result.success
    assert checks(result) == {"winner_meets_gates": False, "tag_unmoved": True}
    assert production(server) == current
    assert PROMOTED not in [event.asset_key for event in result.get_asset_materialization_events()]


def test_a_tag_that_was_moved_since_the_comparison_fails_its_check(
    tmp_path: Path, server: RecorderServer, instance: dg.DagsterInstance, current: str
) -> None:
    project = a_project(tmp_path, server, instance)
    assert promote(project, job=variants_job_name("shop"), commit=publish_knowing(server.url, 12)).success
    assert production(server) == current
    other = publish_knowing(server.url, 5, tag="production")

    result = only_promote(project)

    assert not result.success
    assert checks(result) == {"winner_meets_gates": True, "tag_unmoved": False}
    assert production(server) == other


def test_without_being_asked_for_there_is_no_job_that_promotes(
    tmp_path: Path, server: RecorderServer, instance: dg.DagsterInstance
) -> None:
    project = a_project(tmp_path, server, instance, promotion={})
    names = {job.name for job in project.definitions.resolve_all_job_defs()}
    assert promotion_job_name("shop") not in names
    assert variants_job_name("shop") in names
    sensors = {sensor.name: sensor.default_status for sensor in project.definitions.sensors or []}
    stopped = dg.DefaultSensorStatus.STOPPED
    assert [sensors[f"shop_prompt_{name}"] for name in ("committed", "regressed")] == [stopped, stopped]
