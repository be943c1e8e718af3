"""Comparing variants through Dagster: a job of its own, an asset that says who won, prompts pinned for each variant."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from eval_pipeline.defs.assets.variant_comparison import variant_comparison_op_name
from eval_pipeline.defs.jobs import variants_job_name
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.experiment_record import latest_experiment, read_experiment
from eval_pipeline.variants.variant_comparison import latest_comparison
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.seen import metadata_of
from eval_pipeline_tests.prompts.published import publish

AGENT = """
from eval_pipeline.prompts.current import prompt_text

def answer(message):
    return prompt_text("none")
"""
VARIANTS = """
variants:
  - {name: full, prompt: "hub:support:full"}
  - {name: file, prompt: "file:short.txt"}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecorderServer]:
    with RecorderServer(db_path=tmp_path / "recorder.sqlite") as running:
        yield running


@pytest.fixture
def varied(project: DagsterProject, server: RecorderServer, tmp_path: Path) -> DagsterProject:
    """The small suite with a prompt that says one price of three, and a variant that says all."""
    file = project.folder / "suite.yaml"
    old = 'target: {kind: python, path: "agent.py:answer"}'
    text = file.read_text().replace(old, old.replace("}", ', prompt: "hub:support:production"}'))
    file.write_text(
        text.replace("gates: {min_pass_rate: 0.5, max_error_rate: 0.0}", "gates: {min_pass_rate: 0.9}") + VARIANTS
    )
    (project.folder / "agent.py").write_text(AGENT)
    (project.folder / "short.txt").write_text("4.20")
    publish(server.url, "1.10", tag="production")
    langsmith = LangSmithResource(
        mode="recorder", tracing_enabled=True, recorder_url=server.url, spool_folder=str(tmp_path / "spool")
    )
    return replace(project, langsmith=langsmith)


def run(project: DagsterProject, **config: Any) -> dg.ExecuteInProcessResult:
    ops = {variant_comparison_op_name("shop"): {"config": config}}
    return project.definitions.resolve_job_def(variants_job_name("shop")).execute_in_process(
        instance=project.instance, run_config={"ops": ops}, raise_on_error=False
    )


def test_the_job_compares_and_the_asset_says_what_came_of_it_with_a_link_to_each_experiment(
    varied: DagsterProject, server: RecorderServer
) -> None:
    commit = publish(server.url, "999 1.10 4.20", tag="full")

    result = run(varied, repetitions=2)

    assert result.success
    shown = metadata_of(result, "variant_comparison")
    assert shown["eval/verdict"] == "No significant difference between current and full or file."
    assert list(shown)[:3] == ["langsmith/project", "langsmith/experiment", "langsmith/experiment_url"]
    assert shown["langsmith/experiment_url"] == shown["langsmith/experiment_url/current"]
    assert shown["eval/winner"] == "none"
    assert "No significant difference" in httpx.get(shown["eval/report"]).text
    rows = {record.data["variant"]: record.data for record in shown["eval/variants"].records}
    assert rows["full"]["prompts"] == f"support {commit[:12]}"
    assert [rows[name]["pass_rate"] for name in ("current", "full", "file")] == ["0.3333", "1", "0.3333"]
    assert [rows[name]["gates"] for name in ("current", "full", "file")] == ["not met", "met", "not met"]
    for name in ("current", "full", "file"):
        assert str(shown[f"langsmith/experiment_url/{name}"]).startswith("http")
    assert "langsmith/comparison_url/current" not in shown
    assert "langsmith/comparison_url/full" in shown
    comparison = latest_comparison(varied.store, "shop")
    assert comparison is not None
    full, own = comparison.standing("full"), comparison.standing("file")
    assert (full.prompts, full.changes) == ({"support": commit}, ("prompt:support",))
    assert list(own.prompts) == ["file:short.txt"]
    assert own.changes == ("prompt:file:short.txt",)
    record = read_experiment(varied.store, "shop", full.experiment)
    assert record.prompts is not None
    assert record.prompts["target"].commit == commit
    assert record.target_version.endswith(f"+prompt-{commit[:12]}")
    assert record.repetitions == 2


def test_it_is_in_a_group_of_its_own_and_no_part_of_the_suites_chain(varied: DagsterProject) -> None:
    specs = {spec.key.path[-1]: spec for spec in varied.definitions.resolve_all_asset_specs()}
    spec = specs["variant_comparison"]
    assert spec.group_name == "shop_variants"
    assert {dep.asset_key.path[-1] for dep in spec.deps} == {"test_cases", "shared_context"}
    assert (spec.owners, bool(spec.description), bool(spec.kinds)) == (["team:evaluation"], True, True)
    varied.register(["gold", "milk", "tea"])
    result = varied.run("gold", "tea")
    made = {event.asset_key.path[-1] for event in result.get_asset_materialization_events() if event.asset_key}
    assert "variant_comparison" not in made


def test_a_suite_without_variants_has_neither_asset_nor_job(project: DagsterProject) -> None:
    assert "variant_comparison" not in {spec.key.path[-1] for spec in project.definitions.resolve_all_asset_specs()}
    with pytest.raises(dg.DagsterInvariantViolationError):
        project.definitions.resolve_job_def(variants_job_name("shop"))


def test_a_summary_is_of_the_suite_and_never_of_a_variant(varied: DagsterProject, server: RecorderServer) -> None:
    publish(server.url, "999 1.10 4.20", tag="full")
    varied.register(["gold", "milk", "tea"])
    varied.run("gold", "tea")
    before = latest_experiment(varied.store, "shop")
    assert run(varied).success
    assert latest_experiment(varied.store, "shop") == before


def test_a_prompt_that_is_not_in_the_hub_fails_before_anything_is_evaluated_and_names_the_variant(
    varied: DagsterProject,
) -> None:
    result = run(varied)

    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data is not None
    message = str(failure.step_failure_data.user_failure_data.description)
    assert "variant 'full': there is no prompt hub:support:full" in message
    assert not any("/results/" in key for key in varied.store.list("experiments/shop/"))


def test_cases_that_are_chosen_have_to_be_there(varied: DagsterProject) -> None:
    result = run(varied, cases=["silver"])
    (failure,) = result.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data is not None
    assert "there is no case 'silver'" in str(failure.step_failure_data.user_failure_data.description)
