"""What runs of the assets leave in a recorder: experiments, rows, shared traces; and what they say when it is away."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.tracing.send.flush import flush_spool
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.seen import checks_of, metadata_of, rows_at, runs_at

CASES = ["gold", "milk", "tea"]
BACKFILL = {"dagster/backfill": "abcdefgh"}


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[RecorderServer]:
    with RecorderServer(port=port, db_path=tmp_path / "recorder.sqlite") as running:
        yield running


@pytest.fixture
def langsmith(server: RecorderServer, tmp_path: Path) -> LangSmithResource:
    return LangSmithResource(
        mode="recorder",
        tracing_enabled=True,
        recorder_url=server.url,
        spool_folder=str(tmp_path / "spool"),
        upload_interval_seconds=0.05,
    )


@pytest.fixture
def traced(project: DagsterProject, langsmith: LangSmithResource) -> DagsterProject:
    project.register(CASES)
    return replace(project, langsmith=langsmith)


def _but(langsmith: LangSmithResource, **changed: Any) -> LangSmithResource:
    # Dagster takes no notice of what a copy of a resource changes.
    given = {name: getattr(langsmith, name) for name in ("mode", "tracing_enabled", "recorder_url", "spool_folder")}
    return LangSmithResource(**{**given, **changed})


def _runs(server: RecorderServer) -> list[dict[str, Any]]:
    return runs_at(server.url)


def _rows(server: RecorderServer) -> list[str]:
    return rows_at(server.url)


def _checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {name: check.passed for name, check in checks_of(result).items()}


def test_each_attempt_is_a_row_whose_trace_begins_with_the_shared_context(
    traced: DagsterProject, server: RecorderServer
) -> None:
    result = traced.run("gold", "tea", config={"repetitions": 2})

    assert result.success
    assert _rows(server) == ["gold", "gold", "milk", "milk", "tea", "tea"]
    runs = _runs(server)
    row = next(run for run in runs if run["name"] == "tea" and not run["parent_run_id"])
    assert {tag.partition(":")[0] for tag in row["tags"]} >= {"scale_eval", "batch", "ctx"}
    assert {"shared_ctx_id", "shared_context_id", "example_id"} <= row["extra"]["metadata"].keys()
    below = sorted((run for run in runs if run["parent_run_id"] == row["id"]), key=lambda run: run["dotted_order"])
    assert [run["name"] for run in below] == ["shared_context", "evaluate_case"]
    searched = [run for run in runs if run["trace_id"] == row["trace_id"] and run["name"] == "search_documents"]
    assert ["tea" in str(run["inputs"]) for run in searched] == [True]
    assert sum(run["project"] == "shop-shared" and not run["parent_run_id"] for run in runs) == 1
    assert _checks(result)["traces_complete"]


def test_materializations_say_where_traces_are(traced: DagsterProject, server: RecorderServer) -> None:
    result = traced.run("gold", "tea")

    case = metadata_of(result, "case_results")
    assert case["langsmith/experiment"] == case["langsmith/project"] == case["eval/experiment"]
    assert "/r/" in case["langsmith/trace_url"]
    experiment = metadata_of(result, "experiment")
    assert experiment["langsmith/experiment_url"] == case["langsmith/experiment_url"]
    assert experiment["langsmith/runs_sent"] > 0
    assert (experiment["langsmith/runs_spooled"], experiment["langsmith/runs_dropped"]) == (0, 0)
    for asset, name in [("test_cases", "dataset"), ("shared_context", "shared_trace")]:
        assert metadata_of(result, asset)[f"langsmith/{name}_url"].startswith(server.url)


def test_two_runs_of_a_backfill_share_an_experiment_and_make_no_row_twice(
    traced: DagsterProject, server: RecorderServer
) -> None:
    assert traced.run("gold", "milk", tags=BACKFILL).success
    assert traced.run("tea", "tea", tags=BACKFILL).success

    assert _rows(server) == CASES
    assert {run["project"] for run in _runs(server)} == {"shop-abcdefgh", "shop-shared"}


def test_a_recorder_that_is_unreachable_costs_nothing_and_gets_everything_later(
    traced: DagsterProject, server: RecorderServer, langsmith: LangSmithResource
) -> None:
    server.stop()

    result = traced.run("gold", "tea")

    assert result.success
    experiment = metadata_of(result, "experiment")
    assert experiment["langsmith/runs_spooled"] > 0
    assert (experiment["langsmith/runs_sent"], experiment["langsmith/runs_dropped"]) == (0, 0)
    assert not experiment["langsmith/online"]
    assert not _checks(result)["traces_complete"]
    server.start()
    (report,) = flush_spool(langsmith.settings())
    assert not report.kept
    assert _rows(server) == CASES


def test_a_unified_experiment_is_one_trace_with_the_cases_of_all_its_runs(
    traced: DagsterProject, server: RecorderServer, langsmith: LangSmithResource
) -> None:
    unified = replace(traced, langsmith=_but(langsmith, trace_mode="unified"))

    assert unified.run("gold", "milk", tags=BACKFILL).success
    assert unified.run("tea", "tea", tags=BACKFILL).success

    assert _rows(server) == ["shared_context"]
    runs = [run for run in _runs(server) if run["project"] == "shop-abcdefgh"]
    (root,) = [run for run in runs if not run["parent_run_id"]]
    assert {run["trace_id"] for run in runs} == {root["id"]}
    assert sorted(run["name"] for run in runs if run["parent_run_id"] == root["id"] and run["name"] in CASES) == CASES


def test_nothing_is_asked_of_any_server_when_tracing_is_off(
    traced: DagsterProject, langsmith: LangSmithResource, server: RecorderServer
) -> None:
    result = replace(traced, langsmith=_but(langsmith, mode="off")).run("gold", "tea")

    assert result.success
    assert not _runs(server)
    assert not any(name.startswith("langsmith/") for name in metadata_of(result, "experiment"))


def test_a_refused_key_ends_the_run_at_its_start(
    traced: DagsterProject, langsmith: LangSmithResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_THE_TEST", "wrong")
    with RecorderServer(config=RecorderConfig(token="right")) as strict:
        refused = _but(langsmith, recorder_url=strict.url, recorder_token=dg.EnvVar("TOKEN_OF_THE_TEST"))
        result = replace(traced, langsmith=refused).run("gold", "tea")

    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert failure.step_key == "shop__test_cases"
    assert failure.step_failure_data.user_failure_data is not None
    assert failure.step_failure_data.user_failure_data.metadata["exit_code"].value == 3
