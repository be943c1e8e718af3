"""What Dagster is given for each suite."""

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.defs.build import build_definitions
from eval_pipeline.errors import InputError
from eval_pipeline.suite.discovery import SHIPPED, suite_folders
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.small_suite import write_small_suite

TAU = Path(__file__).resolve().parents[2] / "suites" / "tau_airline"


def test_every_asset_has_an_owner_a_group_a_description_and_kinds() -> None:
    definitions = build_definitions(folders=[*suite_folders(), TAU])

    specs = list(definitions.resolve_all_asset_specs())
    assert len(specs) == 6 * 2
    for spec in specs:
        assert spec.owners, spec.key
        assert spec.group_name in ("support_desk", "tau_airline")
        assert spec.description, spec.key
        assert spec.kinds, spec.key
    kinds = {spec.group_name: spec.kinds for spec in specs if spec.key.path[-1] == "case_results"}
    assert kinds == {"support_desk": {"langgraph", "parquet"}, "tau_airline": {"recorded", "parquet"}}


def test_the_assets_of_a_suite_are_a_chain(project: DagsterProject) -> None:
    specs = {spec.key.path[-1]: spec for spec in project.definitions.resolve_all_asset_specs()}

    upstream = {name: {dep.asset_key.path[-1] for dep in spec.deps} for name, spec in specs.items()}
    assert {
        "test_cases": set(),
        "shared_context": {"test_cases"},
        "case_results": {"test_cases", "shared_context"},
        "experiment": {"case_results"},
        "experiment_summary": {"experiment"},
        "accepted_experiment": {"experiment_summary"},
    } == upstream
    assert isinstance(specs["case_results"].partitions_def, dg.DynamicPartitionsDefinition)
    assert specs["case_results"].code_version


def test_every_suite_found_is_loadable() -> None:
    dg.Definitions.validate_loadable(build_definitions(folders=[*suite_folders(), TAU]))


def test_suites_named_in_the_environment_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small_suite(tmp_path / "many" / "shop")
    monkeypatch.setenv("EVAL_PIPELINE_SUITES", f"{TAU}:{tmp_path / 'many'}")

    assert {TAU, (tmp_path / "many" / "shop").resolve()} == set(suite_folders()) - {
        folder for folder in suite_folders() if folder.is_relative_to(SHIPPED)
    }


def test_a_broken_suite_takes_no_other_one_down(tmp_path: Path) -> None:
    sound, broken = write_small_suite(tmp_path / "shop"), write_small_suite(tmp_path / "ruin")
    (broken / "suite.yaml").write_text("name: ruin\nname: again\n")

    definitions = build_definitions(folders=[broken, sound])

    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    assert {name.partition("/")[0] for name in specs} == {"shop", "ruin"}
    assert "key 'name' is given twice" in str(specs["ruin/case_results"].description)
    broken_asset = definitions.resolve_assets_def(dg.AssetKey(["ruin", "test_cases"]))
    with pytest.raises(dg.Failure, match="key 'name' is given twice"):
        dg.materialize([broken_asset])


def test_a_tick_of_the_schedule_registers_the_cases_and_asks_for_all_of_them(project: DagsterProject) -> None:
    schedule = project.definitions.resolve_schedule_def("shop_nightly")
    moment = dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)

    with dg.build_schedule_context(instance=project.instance, scheduled_execution_time=moment) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []

    assert list(project.instance.get_dynamic_partitions("shop/cases")) == ["gold", "milk", "tea"]
    assert tuple(request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")) == ("gold", "tea")


def test_cron_and_time_zone_come_from_the_suite(project: DagsterProject) -> None:
    text = (project.folder / "suite.yaml").read_text()
    (project.folder / "suite.yaml").write_text(
        text + "schedule: {cron: '30 2 * * 1-5', timezone: Europe/Berlin, enabled: true}\n"
    )

    schedule = project.definitions.resolve_schedule_def("shop_nightly")

    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 2 * * 1-5", "Europe/Berlin")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_a_tick_over_broken_cases_fails_with_the_reason(project: DagsterProject) -> None:
    (project.folder / "cases.yaml").write_text("- id: 'a,b'\n  input: hi\n")
    schedule = project.definitions.resolve_schedule_def("shop_nightly")

    with dg.build_schedule_context(instance=project.instance) as context, pytest.raises(Exception) as raised:  # noqa: PT011
        schedule.evaluate_tick(context)

    assert isinstance(raised.value.__cause__, InputError)
    assert "cannot be a case id" in str(raised.value.__cause__)


def test_a_name_taken_twice_and_an_odd_folder_take_no_other_one_down(tmp_path: Path) -> None:
    sound, twin, odd = (write_small_suite(tmp_path / name) for name in ("shop", "twin", "süite"))
    (odd / "suite.yaml").write_text("name: odd\n")

    specs = {spec.key.path[0]: spec for spec in build_definitions(folders=[sound, twin, odd]).resolve_all_asset_specs()}

    broken = sorted(name for name in specs if name.startswith("broken_"))
    assert [name.rpartition("_")[0] for name in broken] == ["broken_twin"]
    assert "has the same name" in str(specs[broken[0]].description)
    assert {"shop", "odd"} < specs.keys()


def test_a_suite_that_breaks_keeps_its_group_schedule_and_sensors_whose_ticks_fail_with_the_reason(
    project: DagsterProject, caplog: pytest.LogCaptureFixture
) -> None:
    file = project.folder / "suite.yaml"
    sound = project.definitions
    schedule = "schedule: {cron: '*/2 * * * *', enabled: true}\n"
    file.write_text(file.read_text().replace("min_pass_rate", "min_pas_rate") + schedule)

    broken = project.definitions

    def names(definitions: dg.Definitions) -> set[str]:
        repository = definitions.get_repository_def()
        return {each.name for each in repository.sensor_defs} | {each.name for each in repository.schedule_defs}

    assert names(broken) == names(sound)
    assert "cannot be read" in caplog.text
    nightly = broken.resolve_schedule_def("shop_nightly")
    assert (nightly.cron_schedule, nightly.default_status) == ("*/2 * * * *", dg.DefaultScheduleStatus.RUNNING)
    assert {spec.group_name for spec in broken.resolve_all_asset_specs()} == {"shop"}
    with dg.build_schedule_context(instance=project.instance) as context, pytest.raises(Exception) as raised:  # noqa: PT011
        nightly.evaluate_tick(context)
    assert "min_pas_rate" in str(raised.value.__cause__)
    sensor = broken.resolve_sensor_def("shop_dataset_changed")
    with dg.build_sensor_context(instance=project.instance) as sensed, pytest.raises(Exception) as raised:  # noqa: PT011
        sensor.evaluate_tick(sensed)
    assert "min_pas_rate" in str(raised.value.__cause__)


@pytest.mark.parametrize("breaks", ["gates: {min_pas_rate: 1}\n", "gates: [\n"])
def test_a_suite_that_breaks_keeps_the_sensors_of_its_prompt(project: DagsterProject, breaks: str) -> None:
    file = project.folder / "suite.yaml"
    text = file.read_text().replace('answer"', 'answer", prompt: "hub:support:production"')
    file.write_text(text)
    watching = {sensor.name for sensor in project.definitions.sensors or []}
    file.write_text(text.partition("gates:")[0] + breaks)

    broken = project.definitions

    assert {sensor.name for sensor in broken.sensors or []} == watching
    assert "shop_prompt_regressed" in watching
    sensor = broken.resolve_sensor_def("shop_prompt_committed")
    with dg.build_sensor_context(instance=project.instance) as sensed, pytest.raises(Exception) as raised:  # noqa: PT011
        sensor.evaluate_tick(sensed)
    assert "suite.yaml" in f"{raised.value} {raised.value.__cause__}"


def test_the_step_that_evaluates_is_in_the_pool_that_the_suite_names(project: DagsterProject) -> None:
    key = project.key("case_results")
    assert project.definitions.resolve_assets_def(key).op.pool is None
    text = (project.folder / "suite.yaml").read_text()
    (project.folder / "suite.yaml").write_text(text + "evaluation: {pool: openai}\n")

    assert project.definitions.resolve_assets_def(key).op.pool == "openai"
