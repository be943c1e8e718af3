"""`eval-pipeline dagster-status`: partitions, checks and metadata for programs, without a web server."""

from pathlib import Path

import pytest

from eval_pipeline_tests.cli.terminal import Terminal


@pytest.mark.usefixtures("run_before")
def test_each_partition_has_its_status_and_the_outcome_of_its_check(terminal: Terminal, suite: Path) -> None:
    shown = terminal("dagster-status", suite, "--json")
    assert shown.code == 0, shown.stderr
    status = shown.document

    outcomes = {each["case"]: (each["status"], each["case_passed"]) for each in status["partitions"]}
    materialized = "materialized"
    assert outcomes == {
        "gold": (materialized, "failed"),
        "milk": (materialized, "passed"),
        "tea": (materialized, "passed"),
    }
    assert status["counts"]["case_passed"] == {"failed": 1, "passed": 2}
    assert status["checks"]["min_pass_rate"]["passed"]
    assert status["assets"]["experiment_summary"]["metadata"]["eval/verdict"] == "passed"
    assert [run["status"] for run in status["runs"]] == ["SUCCESS"]


def test_a_suite_that_never_ran_has_no_partitions(terminal: Terminal, suite: Path) -> None:
    shown = terminal("dagster-status", suite)
    assert shown.code == 0
    assert "status: no partitions" in shown.stdout
    assert "min_pass_rate: never evaluated" in shown.stdout
