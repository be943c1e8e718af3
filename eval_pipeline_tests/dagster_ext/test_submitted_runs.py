"""Runs that a run submits to the queue of its deployment."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from eval_pipeline.dagster_ext.submitted_runs import submit_run
from eval_pipeline.defs.build import build_definitions
from eval_pipeline.defs.launch_all import launcher_name, register_all_cases, tags_of_runs
from eval_pipeline.defs.upstream_reader import DeploymentAssets
from eval_pipeline.errors import PermanentError
from eval_pipeline.suite.suite import read_suite
from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.small_suite import write_small_suite


def test_a_new_suite_is_registered_and_all_its_cases_are_one_run_in_the_queue(tmp_path: Path) -> None:
    """Fails when Dagster changes how a run is made or submitted."""
    folder = write_small_suite(tmp_path / "shop")
    definitions = build_definitions(folders=[folder])
    remote = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
    pointer = ModuleCodePointer("location", "defs", None)
    code = RepositoryPythonOrigin("python", pointer, None, DEFAULT_DAGSTER_ENTRY_POINT)
    own = dg.DagsterRun(
        job_name=launcher_name("shop"),
        run_id="00000000-0000-4000-8000-000000000000",
        remote_job_origin=RemoteJobOrigin(remote, launcher_name("shop")),
        job_code_origin=JobPythonOrigin(launcher_name("shop"), code),
    )
    with dagster_instance(tmp_path) as instance:
        suite = read_suite(folder)
        (tags,) = tags_of_runs(
            instance, suite, register_all_cases(instance, suite, DeploymentAssets(instance)), own.run_id
        )
        job = definitions.resolve_job_def("evaluate_shop")

        run = instance.get_run_by_id(submit_run(instance, own, job, tags))

        assert run is not None
        assert run.status == dg.DagsterRunStatus.QUEUED
        assert list(instance.get_dynamic_partitions("shop/cases")) == ["gold", "milk", "tea"]
    assert (run.tags["dagster/asset_partition_range_start"], run.tags["eval/suite"]) == ("gold", "shop")
    assert run.tags[".dagster/repository"] == "__repository__@here"
    assert run.remote_job_origin is not None
    assert run.remote_job_origin.job_name == "evaluate_shop"


def test_a_run_of_no_code_location_says_which_job_to_launch(tmp_path: Path) -> None:
    job = build_definitions(folders=[write_small_suite(tmp_path / "shop")]).resolve_job_def("evaluate_shop")
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(PermanentError, match="launch the job evaluate_s"):
        submit_run(instance, dg.DagsterRun(job_name="j"), job, {})
