"""The chain of a suite's assets, run by Dagster."""

from types import SimpleNamespace

import dagster as dg
import pytest

from eval_pipeline.defs.assets.partition_health import PARTITIONS_UP_TO_DATE
from eval_pipeline.defs.assets.upstream import CASE_PASSED, EVALUATION_ASSETS, launch_id
from eval_pipeline.defs.partitions import range_tags
from eval_pipeline.results.experiment_record import experiment_name, read_experiment
from eval_pipeline.results.result_log import read_results
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject

CASES = ["gold", "milk", "tea"]


def _experiments(project: DagsterProject) -> list[str]:
    return sorted({key.split("/")[2] for key in project.store.list("experiments/shop/")})


def _rows(project: DagsterProject, experiment: str) -> list[tuple[str, str]]:
    rows = read_results(project.store, "shop", experiment).to_pylist()
    return [(row["case_id"], row["status"]) for row in rows]


def _started(suite: str) -> dg.DagsterRun:
    return dg.DagsterRun(
        job_name=f"evaluate_{suite}",
        run_id="00000000-0000-4000-8000-000000000000",
        status=dg.DagsterRunStatus.STARTED,
        tags={"eval/suite": suite},
    )


def test_one_run_makes_every_asset_and_its_gates(project: DagsterProject) -> None:
    project.register(CASES)

    result = project.run("gold", "tea")

    assert result.success
    made = {event.asset_key.path[-1] for event in result.get_asset_materialization_events() if event.asset_key}
    assert set(EVALUATION_ASSETS) == made
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations() if not check.partition}
    assert checks == {"min_pass_rate": True, "max_error_rate": True}


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [("milk", "milk", ["milk"]), ("gold", "milk", ["gold", "milk"]), ("gold", "tea", CASES)],
)
def test_a_range_evaluates_its_cases_and_no_others(
    project: DagsterProject, first: str, last: str, expected: list[str]
) -> None:
    project.register(CASES)

    assert project.run(first, last).success

    assert set(expected) == project.materialized()
    (experiment,) = _experiments(project)
    assert expected == [case_id for case_id, _ in _rows(project, experiment)]


def test_each_partition_has_one_event_with_its_own_metadata(evaluated: DagsterProject) -> None:
    records = evaluated.instance.fetch_materializations(evaluated.key("case_results"), limit=100).records
    events = {record.partition_key: record.asset_materialization for record in records}
    assert sorted(CASES) == sorted(str(record.partition_key) for record in records)
    gold, tea = (events[name] for name in ("gold", "tea"))
    assert gold is not None
    assert tea is not None
    assert (gold.metadata["eval/passed"].value, tea.metadata["eval/passed"].value) == (0, 1)
    assert "missing: '999'" in str(gold.metadata["eval/why"].value)
    assert {
        "eval/experiment",
        "eval/context_id",
        "eval/latency_s",
        "eval/score",
        "eval/target_version",
    } <= tea.metadata.keys()


def test_runs_of_one_backfill_and_their_retries_are_one_experiment(project: DagsterProject) -> None:
    project.register(CASES)
    project.run("gold", "gold", assets=["test_cases", "shared_context"])

    for case in CASES:
        assert project.run(case, case, assets=["case_results"], tags={"dagster/backfill": "abcdefgh"}).success
    assert project.run(assets=["experiment", "experiment_summary"], tags={"dagster/backfill": "abcdefgh"}).success

    assert _experiments(project) == ["shop-abcdefgh"]
    assert [case_id for case_id, _ in _rows(project, "shop-abcdefgh")] == CASES


def test_a_run_that_joins_later_evaluates_what_the_experiment_pins(project: DagsterProject) -> None:
    project.register(CASES)
    project.run("gold", "gold", tags={"dagster/backfill": "abcdefgh"})
    pinned = read_experiment(project.store, "shop", "shop-abcdefgh")
    (project.folder / "prices.csv").write_text("product,price\ntea,5.00\nmilk,1.10\n")
    assert project.run("gold", "gold", assets=["test_cases", "shared_context"]).success

    assert project.run("tea", "tea", assets=["case_results"], tags={"dagster/backfill": "abcdefgh"}).success

    assert pinned == read_experiment(project.store, "shop", "shop-abcdefgh")
    rows = read_results(project.store, "shop", "shop-abcdefgh").to_pylist()
    assert {pinned.context_id} == {row["context_id"] for row in rows}
    assert [(row["case_id"], row["status"]) for row in rows] == [("gold", "failed"), ("tea", "passed")]


def test_a_run_with_another_target_may_not_join(project: DagsterProject) -> None:
    project.register(CASES)
    project.run("gold", "gold", tags={"dagster/backfill": "abcdefgh"})
    (project.folder / "agent.py").write_text("def answer(message):\n    return 'changed'\n")

    result = project.run("tea", "tea", assets=["case_results"], tags={"dagster/backfill": "abcdefgh"})

    assert not result.success
    (failure,) = result.get_step_failure_events()
    failure_data = failure.step_failure_data.user_failure_data
    assert failure_data is not None
    assert "was begun with target_version" in str(failure_data.description)
    assert _rows(project, "shop-abcdefgh") == [("gold", "failed")]


def test_infrastructure_that_fails_keeps_the_partitions_that_were_finished(project: DagsterProject) -> None:
    (project.folder / "suite.yaml").write_text(
        (project.folder / "suite.yaml").read_text() + "evaluation: {max_concurrency: 1}\n"
    )
    (project.folder / "agent.py").write_text(
        "from eval_pipeline.errors import TransientError\n"
        "def answer(message):\n"
        "    if 'tea' in message:\n"
        "        raise TransientError('the model is down', fix='wait')\n"
        "    return '1.10'\n"
    )
    project.register(CASES)

    result = project.run("gold", "tea")

    assert not result.success
    assert {"gold", "milk"} == project.materialized()
    (failure,) = result.get_step_failure_events()
    failure_data = failure.step_failure_data.user_failure_data
    assert failure_data is not None
    assert failure_data.metadata["retryable"].value is True


def test_results_before_the_context_is_there_name_what_to_do(project: DagsterProject) -> None:
    project.register(CASES)

    result = project.run("gold", "gold", assets=["case_results"])

    (failure,) = result.get_step_failure_events()
    failure_data = failure.step_failure_data.user_failure_data
    assert failure_data is not None
    assert "materialize shop/test_cases first" in str(failure_data.description)


def test_a_summary_by_itself_is_of_the_latest_experiment(evaluated: DagsterProject) -> None:
    again = evaluated.run(assets=["experiment_summary"])

    assert again.success
    (event,) = again.get_asset_materialization_events()
    shown = event.step_materialization_data.materialization.metadata["eval/experiment"].value
    assert _experiments(evaluated) == [shown]


def test_a_changed_case_is_named_and_a_removed_one_loses_its_partition(project: DagsterProject) -> None:
    project.run(assets=["test_cases"])
    text = (project.folder / "cases.yaml").read_text()
    (project.folder / "cases.yaml").write_text(text[: text.index("- id: tea")].replace('"1.10"', '"1.20"'))

    result = project.run(assets=["test_cases"])

    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert tuple(metadata[f"eval/cases_{what}"].value for what in ("added", "changed", "removed")) == (
        "none",
        "1: milk",
        "1: tea",
    )
    assert list(project.instance.get_dynamic_partitions("shop/cases")) == ["gold", "milk"]


def test_a_partition_with_a_run_in_flight_is_not_deleted(project: DagsterProject) -> None:
    project.register([*CASES, "zinc"])

    assert project.run("gold", "zinc").success

    assert [*CASES, "zinc"] == list(project.instance.get_dynamic_partitions("shop/cases"))
    assert set(CASES) == project.materialized()
    project.run(assets=["test_cases"])
    assert list(project.instance.get_dynamic_partitions("shop/cases")) == CASES


def test_nothing_dagster_stores_is_a_pickle(evaluated: DagsterProject) -> None:
    assert isinstance(evaluated.instance, dg.DagsterInstance)
    assert [
        file for file in evaluated.store_root.rglob("*") if file.suffix not in (".parquet", ".json", ".html", "")
    ] == []


def test_a_run_reads_what_it_made_itself_though_another_was_later(project: DagsterProject) -> None:
    project.register(CASES)
    own = project.run("gold", "gold", tags={"dagster/backfill": "abcdefgh"})
    pinned = read_experiment(project.store, "shop", "shop-abcdefgh")
    made = {event.asset_key: event for event in own.get_asset_materialization_events()}
    other = dg.AssetMaterialization(project.key("test_cases"), metadata={"eval/dataset_version": "of-another-run"})
    project.instance.report_runless_asset_event(other)

    assert pinned.dataset_version != "of-another-run"
    assert project.key("test_cases") in made
    result = project.run("tea", "tea")
    experiment = experiment_name("shop", result.dagster_run.run_id)
    assert pinned.dataset_version == read_experiment(project.store, "shop", experiment).dataset_version


def test_a_killed_run_of_another_suite_keeps_no_partition_alive(project: DagsterProject) -> None:
    project.register([*CASES, "zinc"])
    project.instance.add_run(_started("other"))

    assert project.run(assets=["test_cases"]).success

    assert list(project.instance.get_dynamic_partitions("shop/cases")) == CASES


def test_a_run_in_flight_of_this_suite_does_keep_them(project: DagsterProject) -> None:
    project.register([*CASES, "zinc"])
    project.instance.add_run(_started("shop"))

    assert project.run(assets=["test_cases"]).success

    assert [*CASES, "zinc"] == list(project.instance.get_dynamic_partitions("shop/cases"))


def test_a_context_without_its_cases_is_not_built(project: DagsterProject) -> None:
    assert project.run(assets=["test_cases"]).success
    for file in (project.store_root / "datasets").rglob("cases.parquet"):
        file.unlink()

    result = project.run(assets=["shared_context"])

    assert not result.success
    assert not (project.store_root / "contexts").exists()


def test_a_run_launched_without_partitions_says_what_to_do_and_begins_no_experiment(project: DagsterProject) -> None:
    result = project.run()

    failure_data = [failure.step_failure_data.user_failure_data for failure in result.get_step_failure_events()]
    assert ["choose partitions, or launch the job evaluate_all_shop" in str(each) for each in failure_data] == [True]
    assert _experiments(project) == []


def test_the_first_dataset_names_all_its_cases_as_added(project: DagsterProject) -> None:
    project.register(CASES)

    (event,) = project.run(assets=["test_cases"]).get_asset_materialization_events()

    assert event.step_materialization_data.materialization.metadata["eval/cases_added"].value == "3: gold, milk, tea"


def test_a_summary_alone_after_a_backfill_of_results_is_of_that_backfill(evaluated: DagsterProject) -> None:
    assert evaluated.run("tea", "tea", assets=["case_results"], tags={"dagster/backfill": "later"}).success

    (event,) = evaluated.run(assets=["experiment_summary"]).get_asset_materialization_events()

    metadata = event.step_materialization_data.materialization.metadata
    assert (metadata["eval/experiment"].value, metadata["eval/cases"].value) == ("shop-later", 1)


def test_a_context_that_cannot_be_opened_begins_no_experiment(
    project: DagsterProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.register(CASES)
    project.run("gold", "gold", assets=["test_cases", "shared_context"])
    for part in (project.store_root / "contexts").rglob("*.parquet"):
        part.write_bytes(b"broken")
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(project.store_root.parent / "cold"))

    assert not project.run("gold", "gold", assets=["case_results"]).success

    assert list(project.store.list("experiments/")) == []


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, "root-run"),
        ({"dagster/backfill": "b1"}, "b1"),
        ({"dagster/backfill": "b2", "dagster/root_backfill_id": "b1"}, "b1"),
    ],
)
def test_a_retry_belongs_to_the_launch_of_its_root(
    project: DagsterProject, tags: dict[str, str], expected: str
) -> None:
    root = dg.DagsterRun(job_name="j", run_id="root-run", tags=tags)
    project.instance.add_run(root)
    # As Dagster makes it: the backfill's tag is not on a run that is executed again.
    retry = dg.DagsterRun(job_name="j", run_id="retry", root_run_id="root-run", parent_run_id="root-run")

    assert expected == launch_id(SimpleNamespace(instance=project.instance, run=retry))  # type: ignore[arg-type]
    assert expected == launch_id(SimpleNamespace(instance=project.instance, run=root))  # type: ignore[arg-type]


def test_a_blocking_gate_that_fails_stops_what_is_downstream_and_one_that_warns_does_not(
    project: DagsterProject,
) -> None:
    suite, text = project.folder / "suite.yaml", (project.folder / "suite.yaml").read_text()
    project.register(CASES)

    def run(gate: str) -> tuple[bool, bool]:
        suite.write_text(text.replace("min_pass_rate: 0.5", f"min_pass_rate: {gate}"))
        result = project.run(CASES[0], CASES[-1])
        return result.success, result.asset_materializations_for_node("shop__accepted_experiment") != []

    assert run("0.9") == (False, False)
    assert run("{threshold: 0.9, action: warn}") == (True, True)
    assert run("0.5") == (True, True)


def test_a_gate_is_shown_with_what_was_observed_and_the_cases(project: DagsterProject) -> None:
    suite = project.folder / "suite.yaml"
    suite.write_text(suite.read_text().replace("min_pass_rate: 0.5", "min_pass_rate: 0.9"))
    project.register(CASES)

    checks = {check.check_name: check for check in project.run("gold", "tea").get_asset_check_evaluations()}

    metadata = {name: value.value for name, value in checks["min_pass_rate"].metadata.items()}
    assert checks["min_pass_rate"].blocking
    assert {"observed", "low", "high", "threshold", "n"} <= metadata.keys()
    assert metadata["failing_cases"] == "1: gold"


def test_each_partition_shows_whether_its_case_passed(project: DagsterProject) -> None:
    text = (project.folder / "suite.yaml").read_text()
    (project.folder / "suite.yaml").write_text(text.replace("min_pass_rate: 0.5", "min_pass_rate: 0"))
    project.register(CASES)
    assert project.run(CASES[0], CASES[-1]).success
    assert _case_statuses(project) == {"gold": "FAILED", "milk": "SUCCEEDED", "tea": "SUCCEEDED"}
    cases = project.folder / "cases.yaml"
    cases.write_text(cases.read_text().replace("1.10", "9.99"))
    assert project.run("milk", "milk").success
    assert _case_statuses(project) == {"gold": "FAILED", "milk": "FAILED", "tea": "SUCCEEDED"}


def test_a_partition_that_is_no_case_fails_with_the_reason(project: DagsterProject) -> None:
    project.register([*CASES, "ghost"])
    result = project.run("ghost", "ghost")
    assert not result.success
    (failure,) = result.get_step_failure_events()
    reason = failure.step_failure_data.user_failure_data
    assert reason is not None
    assert "no case of the dataset has the id of the partition: ghost" in str(reason.description)
    assert project.materialized() == set()


def test_materializing_partitions_in_the_ui_leaves_no_skipped_check(evaluated: DagsterProject) -> None:
    job = evaluated.definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=evaluated.instance,
        tags=range_tags(evaluated.instance, "shop", ["tea"]),
        asset_selection=[evaluated.key("case_results")],
    )
    assert result.success
    key = dg.AssetCheckKey(evaluated.key("case_results"), PARTITIONS_UP_TO_DATE)
    (latest,) = evaluated.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert latest.status.value == "SUCCEEDED"


def test_the_check_of_a_partition_says_why_its_case_did_not_pass(evaluated: DagsterProject) -> None:
    key = dg.AssetCheckKey(evaluated.key("case_results"), CASE_PASSED)
    storage = evaluated.instance.event_log_storage
    records = storage.get_asset_check_execution_history(key, limit=3)
    events = [record.event for record in records if record.event is not None]
    evaluations = [event.get_dagster_event().asset_check_evaluation_data for event in events]
    (evaluation,) = [each for each in evaluations if each.partition == "gold"]
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert evaluation.description == "failed: contains: missing: '999'"


def test_the_summary_begins_with_the_verdict_and_links_and_then_names_the_cases(evaluated: DagsterProject) -> None:
    (event,) = evaluated.run(assets=["experiment_summary"]).get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    names = list(metadata)
    assert names[:4] == ["eval/verdict", "eval/pass_rate", "eval/pass_rate_interval", "eval/report"]
    assert metadata["eval/verdict"].value == "passed"
    assert metadata["eval/pass_rate_interval"].value == "9.4% to 99.2% (3 cases)"
    (record,) = metadata["eval/cases_that_did_not_pass"].value.records  # type: ignore[union-attr]
    assert record.data == {"case": "gold", "status": "failed", "why": "contains: missing: '999'"}
    links = str(metadata["eval/links_to_these_cases"].value)
    assert links == "- gold: [partition](/assets/shop/case_results?view=partitions&partition=gold)"
    assert {"eval/metrics", "eval/slices"} == set(names[-2:])


def _case_statuses(project: DagsterProject) -> dict[str | None, str]:
    """The status of the check of each partition, as long as it is of the partition's latest materialization."""
    key = dg.AssetCheckKey(project.key("case_results"), CASE_PASSED)
    infos = project.instance.event_log_storage.get_asset_check_partition_info([key])
    return {info.partition_key: info.latest_execution_status.value if info.is_current else "STALE" for info in infos}
