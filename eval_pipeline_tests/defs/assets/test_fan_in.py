"""A nightly run of more cases than one run takes: several runs, one experiment, one summary, made by the last."""

import datetime as dt
from pathlib import Path

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.pipeline.shares import claim_end, everything_done, shares_of
from eval_pipeline.results.result_log import ResultLog, read_results
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.results.test_log_view import RECORD

CASES = ["gold", "milk", "tea"]


@given(st.lists(st.text(), max_size=60), st.integers(1, 20))
def test_shares_hold_everything_in_order_and_no_more_than_they_may(keys: list[str], most: int) -> None:
    shares = shares_of(keys, most)

    assert [key for share in shares for key in share] == keys
    assert all(len(share) <= most for share in shares)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert len(shares) == max(1, -(-len(keys) // most))


def test_a_skipped_attempt_is_done_and_a_missing_one_is_not(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    ResultLog(store, suite="sample", experiment="e", writer="r").append(
        [a_result("a"), a_result("b", status="skipped")]
    )

    assert everything_done(store, RECORD, {"a": [1], "b": [1]})
    assert not everything_done(store, RECORD, {"a": [1, 2]})


def test_of_runs_that_end_at_once_one_ends_the_launch_and_so_do_its_retries(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    assert [claim_end(store, RECORD, run) for run in ("r1", "r2", "r1")] == [True, False, True]


def _tick(project: DagsterProject, minute: int = 0) -> list[dg.RunRequest]:
    schedule = project.definitions.resolve_schedule_def("shop_nightly")
    at = dt.datetime(2024, 5, 1, 3, minute, tzinfo=dt.UTC)
    context = dg.build_schedule_context(instance=project.instance, scheduled_execution_time=at)
    return list(schedule.evaluate_tick(context).run_requests or ())


def _run(project: DagsterProject, request: dg.RunRequest) -> dict[str, int]:
    result = project.run(tags=dict(request.tags))
    assert result.success
    made = [event.asset_key.path[-1] for event in result.get_asset_materialization_events() if event.asset_key]
    return {name: made.count(name) for name in ("case_results", "experiment", "experiment_summary")}


def test_the_last_of_several_runs_makes_the_summary_of_one_experiment(project: DagsterProject) -> None:
    text = (project.folder / "suite.yaml").read_text()
    (project.folder / "suite.yaml").write_text(text + "evaluation: {max_cases_per_run: 1}\n")

    requests = _tick(project)

    assert [request.run_key for request in requests] == [request.run_key for request in _tick(project)]
    assert {request.run_key for request in requests}.isdisjoint(request.run_key for request in _tick(project, 1))
    assert [request.tags["eval/share"] for request in requests] == ["1/3", "2/3", "3/3"]
    made = [_run(project, request) for request in (requests[2], requests[0], requests[1])]
    assert [counts["experiment_summary"] for counts in made] == [0, 0, 1]
    assert [counts["case_results"] for counts in made] == [1, 1, 1]
    (experiment,) = {key.split("/")[2] for key in project.store.list("experiments/shop/")}
    assert read_results(project.store, "shop", experiment).column("case_id").to_pylist() == CASES
    again = _run(project, requests[1])
    assert again["case_results"] == 0


def test_a_suite_that_fits_into_one_run_is_one(project: DagsterProject) -> None:
    (request,) = _tick(project)

    assert "eval/launch" not in request.tags
    assert _run(project, request) == {"case_results": 3, "experiment": 1, "experiment_summary": 1}
