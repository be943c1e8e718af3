"""`automation:` of a suite: what its conditions request, tick by tick."""

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from eval_pipeline.dagster_ext.event_clock import EventClock
from eval_pipeline.dagster_ext.partition_events import store_at_once
from eval_pipeline.defs.automation import longest_pause
from eval_pipeline.defs.build import build_definitions
from eval_pipeline.suite.spec.automation import Schedule
from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.small_suite import write_small_suite

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


class Ticks:
    """The ticks of a suite's automation."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, *lines: str) -> None:
        suite = write_small_suite(folder / "shop") / "suite.yaml"
        suite.write_text(suite.read_text() + "".join(f"{line}\n" for line in lines))
        self.definitions, self.instance = build_definitions(folders=[suite.parent]), instance
        self._cursor = None
        self.at = NOON

    def next(self) -> set[str]:
        """The assets that the next tick requests."""
        self.at += dt.timedelta(minutes=1)
        keys = self.definitions.resolve_all_asset_keys()
        result = dg.evaluate_automation_conditions(
            defs=self.definitions,
            instance=self.instance,
            asset_selection=dg.AssetSelection.assets(*keys),
            cursor=self._cursor,
            evaluation_time=self.at,
        )
        self._cursor = result.cursor  # type: ignore[assignment]
        return {key.path[-1] for key in keys if result.get_num_requested(key)}

    def materialize(self, *assets: str, version: str) -> None:
        """A run gives assets data of some version."""
        tags = {"dagster/data_version": version}
        keys = frozenset(dg.AssetKey(["shop", asset]) for asset in assets)
        run = dg.DagsterRun(job_name="evaluate_shop", run_id=str(uuid.uuid4()), asset_selection=keys)
        self.instance.add_run(run)
        events = [dg.AssetMaterialization(["shop", asset], tags=tags) for asset in assets]
        step = SimpleNamespace(run=run, instance=self.instance)
        store_at_once(step, "step", events, EventClock())  # type: ignore[arg-type]

    def run_of(self, asset: str) -> dg.DagsterRun:
        """A run that makes an asset, in progress."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        key = dg.AssetKey(["shop", asset])
        return self.instance.create_run_for_job(job, asset_selection={key}, status=dg.DagsterRunStatus.STARTED)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dagster_instance(tmp_path) as opened:
        yield opened


def test_eager_launches_once_for_each_change_of_data_and_not_for_the_same_data_again(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    ticks = Ticks(tmp_path, instance, "automation: eager")
    every = {"test_cases", "shared_context", "evaluation_launch"}
    assert [ticks.next(), ticks.next()] == [every, set()]
    ticks.materialize("test_cases", "shared_context", "evaluation_launch", version="1")
    assert ticks.next() == set()
    ticks.materialize("test_cases", "shared_context", version="1")
    assert [ticks.next(), ticks.next()] == [set(), set()]
    ticks.materialize("shared_context", version="2")
    assert ticks.next() == {"evaluation_launch"}
    assert ticks.next() == set()


def test_a_change_during_a_run_is_not_lost_and_a_failed_run_is_not_requested_again(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    ticks = Ticks(tmp_path, instance, "automation: eager")
    ticks.materialize("test_cases", "shared_context", "evaluation_launch", version="1")
    ticks.next()
    run = ticks.run_of("evaluation_launch")
    assert ticks.next() == set()
    ticks.materialize("shared_context", version="2")
    assert ticks.next() == set()
    instance.report_run_failed(run)
    assert ticks.next() == {"evaluation_launch"}
    instance.report_run_failed(ticks.run_of("evaluation_launch"))
    assert [ticks.next(), ticks.next()] == [set(), set()]


def test_on_cron_launches_at_the_times_of_the_schedule_whatever_was_materialized(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    ticks = Ticks(tmp_path, instance, "automation: on_cron", "schedule: {cron: '30 12 * * *'}")
    assert [ticks.next(), ticks.next()] == [set(), set()]
    ticks.at = NOON.replace(minute=30)
    assert ticks.next() == {"evaluation_launch"}
    assert ticks.next() == set()


def test_without_automation_there_is_neither_asset_nor_sensor(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    ticks = Ticks(tmp_path, instance)
    assert ticks.next() == set()
    assert {sensor.name for sensor in ticks.definitions.sensors or []} >= {"shop_run_failed"}
    assert "shop_automation" not in {sensor.name for sensor in ticks.definitions.sensors or []}


def test_an_automated_suite_has_a_sensor_that_is_on_and_its_job_does_not_launch_itself(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    ticks = Ticks(tmp_path, instance, "automation: on_missing")
    sensor = ticks.definitions.resolve_sensor_def("shop_automation")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    job = ticks.definitions.resolve_job_def("evaluate_shop")
    assert "evaluation_launch" not in {key.path[-1] for key in job.asset_layer.selected_asset_keys}
    dg.Definitions.validate_loadable(ticks.definitions)


@pytest.mark.parametrize(
    ("cron", "hours"), [("0 3 * * *", 24), ("0 3 * * 1-5", 72), ("0 */6 * * *", 6)], ids=["nightly", "week", "six"]
)
def test_freshness_allows_for_the_longest_pause_of_the_schedule(
    tmp_path: Path, instance: dg.DagsterInstance, cron: str, hours: int
) -> None:
    assert longest_pause(Schedule(cron=cron)) == dt.timedelta(hours=hours)
    ticks = Ticks(tmp_path, instance, f"schedule: {{cron: '{cron}', enabled: true}}")
    specs = {spec.key.path[-1]: spec for spec in ticks.definitions.resolve_all_asset_specs()}
    policy = specs["experiment_summary"].freshness_policy
    assert isinstance(policy, dg.FreshnessPolicy)
    assert policy.fail_window.to_timedelta() > dt.timedelta(hours=hours)  # type: ignore[attr-defined]
    assert specs["test_cases"].freshness_policy is None
