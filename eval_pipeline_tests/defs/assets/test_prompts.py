"""Runs of a suite whose prompt is in the Hub: resolved once, pinned, shown, and a reason to evaluate again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.experiment_record import ExperimentRecord, latest_experiment
from eval_pipeline.results.result_log import read_results
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.seen import metadata_of
from eval_pipeline_tests.prompts.published import publish

CASES = ["gold", "milk", "tea"]
AGENT = """
from eval_pipeline.prompts.current import prompt_text

def answer(message):
    return prompt_text("none") + " 999 1.10 4.20"
"""
BACKFILL = {"dagster/backfill": "abcdefgh"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecorderServer]:
    with RecorderServer(db_path=tmp_path / "recorder.sqlite") as running:
        yield running


@pytest.fixture
def prompted(project: DagsterProject, server: RecorderServer, tmp_path: Path) -> DagsterProject:
    suite = project.folder / "suite.yaml"
    target = (
        'target: {kind: python, path: "agent.py:answer", prompt: "hub:support:production", variables: {shop: Larch}}'
    )
    suite.write_text(suite.read_text().replace('target: {kind: python, path: "agent.py:answer"}', target))
    (project.folder / "agent.py").write_text(AGENT)
    project.register(CASES)
    langsmith = LangSmithResource(
        mode="recorder",
        tracing_enabled=True,
        recorder_url=server.url,
        spool_folder=str(tmp_path / "spool"),
    )
    return replace(project, langsmith=langsmith)


def _record(project: DagsterProject) -> ExperimentRecord:
    experiment = latest_experiment(project.store, "shop")
    assert experiment is not None
    return experiment


def _answers(project: DagsterProject, record: ExperimentRecord) -> set[str]:
    turns = read_results(project.store, "shop", record.experiment, columns=["turns"])["turns"].to_pylist()
    return {turn["response"].partition(" 999")[0] for conversation in turns for turn in conversation}


def _on_another_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """Nothing was fetched before, so that a tag is not believed to be where it was."""
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / f"cache-{name}"))


def test_the_commit_is_pinned_and_shown_in_dagster_and_langsmith(
    prompted: DagsterProject, server: RecorderServer
) -> None:
    commit = publish(server.url, "Be kind for {{shop}}.")

    result = prompted.run("gold", "tea")

    assert result.success
    record = _record(prompted)
    assert record.prompts is not None
    pinned = record.prompts["target"]
    assert (pinned.reference, pinned.commit, pinned.source) == ("hub:support:production", commit, "hub")
    assert record.target_version.endswith(f"+prompt-{commit[:12]}")
    assert _answers(prompted, record) == {"Be kind for Larch."}
    shown = metadata_of(result, "experiment")
    assert shown["eval/prompt"] == "hub:support:production"
    assert shown["eval/prompt_commit"] == commit
    assert shown["eval/prompt_source"] == "hub"
    assert commit in str(shown["eval/prompt_steps"])
    (session,) = httpx.get(f"{server.url}/sessions", params={"name": record.experiment}).json()
    assert session["extra"]["metadata"]["prompt_commit"] == commit
    body: dict[str, Any] = {"session": [session["id"]], "is_root": True, "limit": 100}
    rows = httpx.post(f"{server.url}/runs/query", json=body).json()["runs"]
    assert {row["extra"]["metadata"]["prompt_commit"] for row in rows} == {commit}


def test_a_run_that_joins_gets_the_pinned_commit_and_not_the_moved_tag(
    prompted: DagsterProject, server: RecorderServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(server.url, "Be kind for {{shop}}.")
    assert prompted.run("gold", tags=BACKFILL).success
    publish(server.url, "Be brief for {{shop}}.")
    _on_another_host(monkeypatch, tmp_path, "other")

    assert prompted.run("milk", "tea", tags=BACKFILL).success

    record = _record(prompted)
    assert _answers(prompted, record) == {"Be kind for Larch."}
    assert len(read_results(prompted.store, "shop", record.experiment)) == 3


def test_unchanged_results_are_reused_until_the_prompt_changes(
    prompted: DagsterProject, server: RecorderServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(server.url, "Be kind for {{shop}}.")
    unchanged = {"reuse": "unchanged"}
    assert prompted.run("gold", "tea").success
    reused = []
    for number, text in enumerate(["Be kind for {{shop}}.", "Be brief for {{shop}}."]):
        publish(server.url, text)
        _on_another_host(monkeypatch, tmp_path, str(number))
        result = prompted.run("gold", "tea", config=unchanged)
        experiment = metadata_of(result, "experiment")["eval/experiment"]
        rows = read_results(prompted.store, "shop", str(experiment), columns=["carried_from"]).to_pylist()
        reused.append(sum(row["carried_from"] is not None for row in rows))
    assert reused == [3, 0]


def test_partitions_are_stale_when_the_prompt_changed_and_fresh_when_not(
    prompted: DagsterProject, server: RecorderServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(server.url, "Be kind for {{shop}}.")
    result = prompted.run("gold", "tea")
    assert result.success

    def due() -> Any:
        check = dg.AssetCheckKey(prompted.key("case_results"), "partitions_up_to_date")
        job = dg.define_asset_job("look", selection=dg.AssetSelection.checks(check))
        definitions = dg.Definitions.merge(prompted.definitions, dg.Definitions(jobs=[job]))
        (evaluation,) = (
            definitions.resolve_job_def("look")
            .execute_in_process(instance=prompted.instance)
            .get_asset_check_evaluations()
        )
        return evaluation.metadata["stale"].value

    assert due() == 0
    publish(server.url, "Be brief for {{shop}}.")
    _on_another_host(monkeypatch, tmp_path, "later")
    assert due() == 3


def test_a_prompt_that_lost_a_variable_fails_the_run_before_anything_is_evaluated(
    prompted: DagsterProject, server: RecorderServer
) -> None:
    publish(server.url, "Be kind.")

    result = prompted.run("gold", "tea")

    assert not result.success
    (failure,) = [event for event in result.get_step_failure_events() if event.step_key == "shop__case_results"]
    assert failure.step_failure_data.user_failure_data is not None
    message = str(failure.step_failure_data.user_failure_data.description)
    assert "target.prompt" in message
    assert "lost the variables shop" in message
    assert latest_experiment(prompted.store, "shop") is None


def test_with_the_hub_down_and_nothing_fetched_the_run_fails_and_names_the_prompt(
    prompted: DagsterProject, server: RecorderServer
) -> None:
    server.faults.add(Fault(path="/commits/", status=503, times=None))

    result = prompted.run("gold", "tea")

    assert not result.success
    (failed,) = result.get_step_failure_events()
    assert failed.step_key == "shop__case_results"
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None
    assert "hub:support:production" in str(failure.description)
    assert failure.metadata["exit_code"].value == 3
