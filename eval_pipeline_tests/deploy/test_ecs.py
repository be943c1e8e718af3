"""`deploy/ecs`: a run that is launched as a task of ECS, with its secrets from Secrets Manager, and ends well."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.launcher import LaunchRunContext

from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.aws_operations import asked_of_aws
from eval_pipeline_tests.deploy.celery_fleet import DEPLOY, PATIENCE_S
from eval_pipeline_tests.deploy.counted_suite import NAME, CountedSuite
from eval_pipeline_tests.deploy.ecs import CREDENTIALS, Cluster, metadata_endpoint, running_agent
from eval_pipeline_tests.deploy.test_iam_roles import allowed
from eval_pipeline_tests.postgres import running_postgres
from eval_pipeline_tests.s3_servers import moto_server
from eval_pipeline_tests.waiting import wait_for

SECRETS = {"DAGSTER_PG_PASSWORD": "of the database", "LANGSMITH_API_KEY": "of LangSmith"}
ASSETS = {dg.AssetKey([NAME, "test_cases"]), dg.AssetKey([NAME, "shared_context"])}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with moto_server() as server:
        cluster = Cluster(endpoint=server.endpoint)
        cluster.create()
        for bucket in ("evaluations", "logs"):
            cluster.client("s3").create_bucket(Bucket=bucket)
        yield cluster


@pytest.fixture
def settings(tmp_path: Path, cluster: Cluster) -> Iterator[dict[str, str]]:
    """What a deployment's environment says, in this process as in that of the daemon."""
    suite = CountedSuite(folder=tmp_path / "suite", cases=3, cases_per_run=3, seconds=0.0)
    suite.write()
    secrets = cluster.client("secretsmanager")
    with running_postgres(tmp_path / "postgres") as postgres:
        settings = {
            "DAGSTER_HOME": str(shutil.copytree(DEPLOY / "ecs", tmp_path / "home")),
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(postgres.port),
            "DAGSTER_PG_USERNAME": "dagster",
            "DAGSTER_PG_DB": "postgres",
            "DAGSTER_LOGS_BUCKET": "logs",
            "EVAL_PIPELINE_STORE": "s3://evaluations/team",
            "EVAL_PIPELINE_SUITES": str(suite.folder),
            "EVAL_PIPELINE_TRACING": "off",
            "EXECUTION_ROLE_ARN": "arn:aws:iam::123456789012:role/execution",
            "TASK_ROLE_ARN": "arn:aws:iam::123456789012:role/task",
            "IMAGE": "eval-pipeline:1",
            "AWS_REGION": "us-east-1",
        }
        for name, value in SECRETS.items():
            settings[f"{name}_ARN"] = secrets.create_secret(Name=name, SecretString=value)["ARN"]
        own = {"AWS_ENDPOINT_URL": cluster.endpoint, **CREDENTIALS, **SECRETS}
        with mock.patch.dict(os.environ, {**settings, **own, "EVAL_PIPELINE_TASK_DEFINITION": "eval-pipeline-run"}):
            yield settings


def test_a_run_is_a_task_with_the_secrets_of_its_definition_and_the_network_of_the_daemon(
    cluster: Cluster, settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = cluster.register(DEPLOY / "ecs" / "task-definition.json", settings)
    daemon, subnet = cluster.start_task(definition)
    with metadata_endpoint(daemon) as url, running_agent(cluster, tmp_path) as environments:
        monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", url)
        with dg.DagsterInstance.from_config(settings["DAGSTER_HOME"]) as instance:
            run = _created_run(instance)
            with asked_of_aws() as asked:
                instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
                launched = instance.get_run_by_id(run.run_id)
                assert launched is not None
                instance.run_launcher.check_run_worker_health(launched)
            status = wait_for(
                lambda: _ended(instance, run.run_id),
                timeout_s=PATIENCE_S,
                otherwise=lambda: "\n".join(log.read_text() for log in tmp_path.glob("*.log")),
            )
            tags = instance.get_run_by_id(run.run_id)

        assert status is dg.DagsterRunStatus.SUCCESS
    assert tags is not None
    task = cluster.task(tags.tags["ecs/task_arn"])
    details = {each["name"]: each["value"] for each in task["attachments"][0]["details"]}
    assert details["subnetId"] == subnet
    assert {"application": "eval_pipeline", "eval/suite": NAME}.items() <= {
        each["key"]: each["value"] for each in task["tags"]
    }.items()
    assert SECRETS.items() <= environments[task["taskArn"]].items()
    assert any(key.startswith(f"datasets/{NAME}/") for key in open_store("s3://evaluations/team").list(""))
    assert {"ecs:RunTask", "ecs:DescribeTasks"} <= asked <= allowed("ecs-daemon")
    assert not any(secret in str(task["overrides"]) for secret in SECRETS.values())


def _created_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run of the code location, as it waits in the queue."""
    repository = ReconstructableRepository.for_module("eval_pipeline.definitions", "defs", str(DEPLOY.parent))
    job = repository.get_reconstructable_job(f"evaluate_{NAME}")
    return instance.create_run_for_job(
        job.get_definition().get_subset(asset_selection=frozenset(ASSETS)),
        asset_selection=frozenset(ASSETS),
        job_code_origin=job.get_python_origin(),
        tags={"eval/suite": NAME},
    )


def _ended(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus | None:
    run = instance.get_run_by_id(run_id)
    return run.status if run is not None and run.is_finished else None
