"""The check `partitions_up_to_date`, after real runs."""

from typing import Any

import dagster as dg
import pytest

from eval_pipeline.dagster_ext.newest_versions import newest_versions
from eval_pipeline.defs.assets import partition_health
from eval_pipeline.defs.assets.partition_health import PARTITIONS_UP_TO_DATE
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject

CASES = ["gold", "milk", "tea"]


def _check(project: DagsterProject) -> tuple[bool, str, dict[str, Any]]:
    """Run the check by itself, as the UI does."""
    alone = dg.define_asset_job("alone", selection=dg.AssetSelection.checks(_key(project)))
    definitions = dg.Definitions.merge(project.definitions, dg.Definitions(jobs=[alone]))
    result = definitions.resolve_job_def("alone").execute_in_process(instance=project.instance)
    (check,) = result.get_asset_check_evaluations()
    return check.passed, check.description or "", {name: value.value for name, value in check.metadata.items()}


def _reported(project: DagsterProject) -> str | None:
    """The message of the check that the last run reported."""
    record = project.instance.get_latest_asset_check_evaluation_record(_key(project))
    evaluation = None if record is None else record.evaluation
    return None if evaluation is None else evaluation.description


def _key(project: DagsterProject) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(project.key("case_results"), PARTITIONS_UP_TO_DATE)


def test_what_was_never_run_is_reported_with_what_to_do(project: DagsterProject) -> None:
    project.register(CASES)
    assert project.run("tea", "tea").success
    assert _reported(project) == "of 3 cases: 2 never ran"

    passed, message, metadata = _check(project)

    assert (passed, message) == (False, "of 3 cases: 2 never ran")
    assert metadata["never_run_cases"] == "gold, milk"
    assert "eval-pipeline run shop --case gold --case milk" in metadata["what_to_do"]


def test_when_all_is_evaluated_it_passes_whatever_the_verdicts(evaluated: DagsterProject) -> None:
    assert _reported(evaluated) == "all 3 cases have a current result"

    assert _check(evaluated)[:2] == (True, "all 3 cases have a current result")


def test_a_changed_case_and_a_changed_agent_make_stale(evaluated: DagsterProject) -> None:
    cases = evaluated.folder / "cases.yaml"
    cases.write_text(cases.read_text().replace("What does tea cost?", "Say, what does tea cost?"))
    assert evaluated.run("gold", "tea", assets=["test_cases"]).success

    assert _check(evaluated)[1:] == (
        "of 3 cases: 1 outdated",
        {
            "cases": 3,
            "failed": 0,
            "errored": 0,
            "never_run": 0,
            "stale": 1,
            "running": 0,
            "stale_cases": "tea",
            "what_to_do": "Evaluate them: `eval-pipeline run shop --case tea`, or materialize their partitions of "
            "`shop/case_results`.",
        },
    )
    (evaluated.folder / "agent.py").write_text((evaluated.folder / "agent.py").read_text() + "\n# changed\n")
    assert _check(evaluated)[1] == "of 3 cases: 3 outdated"


def test_cases_that_broke_are_counted_as_errors(project: DagsterProject) -> None:
    project.register(CASES)
    (project.folder / "agent.py").write_text(
        "def answer(message):\n    if 'milk' in message:\n        raise ValueError(message)\n    return '4.20'\n"
    )
    project.run("gold", "tea")

    passed, message, metadata = _check(project)

    assert (passed, message) == (False, "of 3 cases: 1 ended in an error")
    assert metadata["errored_cases"] == "milk"


def test_partitions_whose_run_failed_have_failed(project: DagsterProject) -> None:
    project.register(CASES)
    (project.folder / "agent.py").write_text(
        "from eval_pipeline.errors import TransientError\n"
        "def answer(message):\n    raise TransientError('the model is away', fix='wait')\n"
    )
    assert not project.run("milk", "tea").success

    assert _check(project)[1] == "of 3 cases: 2 failed to run, 1 never ran"


def test_versions_asked_for_at_once_are_those_of_the_newest_events(evaluated: DagsterProject) -> None:
    """By the public way, which reads every event."""
    assert evaluated.run("milk", "tea").success
    key = evaluated.key("case_results")

    newest: dict[str, str] = {}
    for record in evaluated.instance.fetch_materializations(key, limit=10).records:
        materialization = record.asset_materialization
        assert materialization is not None
        newest.setdefault(str(materialization.partition), (materialization.tags or {})["dagster/data_version"])

    assert len(newest) == 3
    assert newest_versions(evaluated.instance, key) == newest


@pytest.mark.parametrize("changed", ["get_latest_tags_by_partition", "get_asset_tags_to_index"])
def test_a_dagster_without_such_a_query_or_tag_gives_no_versions(
    project: DagsterProject, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, changed: str
) -> None:
    """Of a tag that is not indexed Dagster's storage raises an error of its inside."""

    def other(_: object, wanted: set[str]) -> set[str]:
        del wanted
        return set()

    monkeypatch.setattr(type(project.instance.event_log_storage), changed, other)
    assert newest_versions(project.instance, project.key("case_results")) == {}
    assert "which takes longer" in caplog.text


def test_without_the_query_for_versions_the_answer_is_the_same(
    project: DagsterProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.register(CASES)
    agent = project.folder / "agent.py"
    agent.write_text(
        "def answer(message):\n    if 'milk' in message:\n        raise ValueError(message)\n    return '4.20'\n"
    )
    project.run("gold", "milk")
    cases = project.folder / "cases.yaml"
    cases.write_text(cases.read_text().replace("What does gold cost?", "Say, what does gold cost?"))
    assert project.run("gold", "tea", assets=["test_cases"]).success
    asked_at_once = _check(project)
    assert asked_at_once[1] == "of 3 cases: 1 ended in an error, 1 never ran, 1 outdated"

    monkeypatch.setattr(partition_health, "newest_versions", lambda *_: {})
    assert _check(project) == asked_at_once


def test_of_an_event_with_a_version_of_other_code_the_metadata_counts(evaluated: DagsterProject) -> None:
    theirs = dg.AssetMaterialization(
        evaluated.key("case_results"),
        partition="milk",
        metadata={"eval/fingerprint": "another", "eval/status": "passed"},
        tags={"dagster/data_version": "theirs"},
    )
    evaluated.instance.report_runless_asset_event(theirs)

    assert _check(evaluated)[1] == "of 3 cases: 1 outdated"
