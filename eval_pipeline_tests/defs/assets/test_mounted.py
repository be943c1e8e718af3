"""Suites beside the assets of a team's own project: no key, resource or executor of theirs is taken."""

from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.defs.build import build_definitions
from eval_pipeline.defs.component import EvalSuiteComponent
from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.errors import InputError
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.small_suite import write_small_suite


@dg.asset
def orders(store: dg.ResourceParam[str]) -> None:
    del store


def _theirs() -> dg.Definitions:
    resources = {"store": "theirs", "langsmith": "theirs", "progress": "theirs", "io_manager": dg.FilesystemIOManager()}
    return dg.Definitions(assets=[orders], resources=resources, executor=dg.multiprocess_executor)


def test_they_merge_with_a_project_that_has_an_executor_and_resources_of_the_same_names(tmp_path: Path) -> None:
    merged = dg.Definitions.merge(build_definitions(folders=[write_small_suite(tmp_path / "shop")]), _theirs())

    dg.Definitions.validate_loadable(merged)
    assert merged.executor is dg.multiprocess_executor
    assert merged.resources is not None
    assert merged.resources["store"] == "theirs"
    assert merged.resolve_job_def(job_name("shop")).executor_def is dg.in_process_executor


def test_assets_stand_under_the_prefix_and_in_the_group_that_the_project_chooses(tmp_path: Path) -> None:
    folder = write_small_suite(tmp_path / "shop")

    specs = build_definitions(folders=[folder], key_prefix=["ml", "evals"], group="quality").resolve_all_asset_specs()

    assert {spec.key.to_user_string() for spec in specs} >= {"ml/evals/shop/case_results", "ml/evals/shop/test_cases"}
    assert {spec.group_name for spec in specs} == {"quality"}


def test_the_placement_in_suite_yaml_wins(tmp_path: Path) -> None:
    folder = write_small_suite(tmp_path / "shop")
    with (folder / "suite.yaml").open("a") as file:
        file.write("assets: {key_prefix: ml}\n")

    specs = build_definitions(folders=[folder], key_prefix=["evals"], group="quality").resolve_all_asset_specs()

    assert {tuple(spec.key.path[:2]) for spec in specs} == {("ml", "shop")}
    assert {spec.group_name for spec in specs} == {"quality"}


def test_a_prefix_that_dagster_does_not_take_is_refused(tmp_path: Path) -> None:
    folder = write_small_suite(tmp_path / "shop")
    with (folder / "suite.yaml").open("a") as file:
        file.write('assets: {key_prefix: "ml/evals"}\n')
    broken = build_definitions(folders=[folder]).resolve_all_asset_specs()
    assert all("'ml/evals' cannot be a part of a key" in (each.description or "") for each in broken)


def test_a_run_finds_what_it_reads_under_the_prefix(project: DagsterProject) -> None:
    with (project.folder / "suite.yaml").open("a") as file:
        file.write("assets: {key_prefix: [ml]}\n")
    project.register(["gold", "milk", "tea"])

    assert project.run("gold", "tea").success

    case_results = dg.AssetKey(["ml", "shop", "case_results"])
    assert project.instance.get_materialized_partitions(case_results) == {"gold", "milk", "tea"}


def test_a_resource_under_a_key_of_before_is_refused(tmp_path: Path) -> None:
    folder = write_small_suite(tmp_path / "shop")
    with pytest.raises(InputError, match="use the key 'eval_store'"):
        build_definitions(folders=[folder], resource_overrides={"store": StoreResource(root=str(tmp_path))})


def test_suites_of_several_components_share_resources(tmp_path: Path) -> None:
    shops = [write_small_suite(tmp_path / name) for name in ("shop", "other")]
    (shops[1] / "suite.yaml").write_text((shops[1] / "suite.yaml").read_text().replace("name: shop", "name: other"))
    built = [dg.build_defs_for_component(EvalSuiteComponent(suite=str(folder), group="quality")) for folder in shops]

    merged = dg.Definitions.merge(*built, _theirs())

    dg.Definitions.validate_loadable(merged)
    assert {spec.group_name for spec in merged.resolve_all_asset_specs()} == {"quality", "default"}
