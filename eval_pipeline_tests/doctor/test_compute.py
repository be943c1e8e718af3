"""The workers that a suite's `compute:` names: what can be known of them without having them do anything."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import httpx
import pytest

from eval_pipeline_tests.aws_operations import asked_of_aws
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.deploy.test_iam_roles import allowed
from eval_pipeline_tests.doctor.findings import found_by
from eval_pipeline_tests.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server, moto_server
from eval_pipeline_tests.small_suite import write_small_suite

_ROLE = "arn:aws:iam::123456789012:role/machine"
_MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:"
Suite = Callable[[str], str]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Writes one with the given `compute:`, and returns its folder."""

    def write(compute: str) -> str:
        folder = write_small_suite(tmp_path / "shop")
        with (folder / "suite.yaml").open("a") as file:
            file.write(f"compute: {compute}\n")
        return str(folder)

    return write


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """moto, for every service, and a bucket as the store."""
    with moto_server() as server:
        settings = {"ENDPOINT_URL": server.endpoint, "ACCESS_KEY_ID": ACCESS_KEY, "SECRET_ACCESS_KEY": SECRET_KEY}
        for name, value in {**settings, "DEFAULT_REGION": "us-east-1"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("EVAL_PIPELINE_STORE", f"s3://{server.bucket()}/team")
        yield server


def test_processes_of_this_machine_are_not_asked(terminal: Terminal, suite: Suite) -> None:
    finding = found_by(terminal, suite("subprocess"), code=0, health="ok")["compute"]
    assert "started when they are needed" in finding["message"]


def test_workers_that_could_not_read_the_store(terminal: Terminal, suite: Suite) -> None:
    finding = found_by(terminal, suite("{kind: lambda, function: f}"))["compute"]
    assert "cannot read the store" in finding["message"]
    assert "EVAL_PIPELINE_STORE" in finding["message"] + finding["fix"]


def test_workers_that_are_not_there(terminal: Terminal, suite: Suite, aws: S3Server) -> None:
    _functions(aws, there=False)
    for compute in (
        "{kind: lambda, function: nowhere}",
        "{kind: ecs, cluster: nowhere, task_definition: d}",
        "{kind: step_functions, function: f, state_machine: nowhere}",
    ):
        finding = found_by(terminal, suite(compute))["compute"]
        assert ("nowhere" in finding["message"], "correct `compute:`" in finding["fix"]) == (True, True), finding


def _functions(aws: S3Server, *, there: bool) -> None:
    """Without Docker moto has any function that is asked for, with it only those that were made."""
    config = {"lambda": {"use_docker": not there}}
    httpx.post(f"{aws.endpoint}/moto-api/config", json=config).raise_for_status()


def test_workers_that_are_there_are_asked_for_no_more_than_a_run_may_and_do_nothing(
    terminal: Terminal, suite: Suite, aws: S3Server
) -> None:
    # Names of their own: moto keeps resources as long as this process lives.
    name = uuid.uuid4().hex
    boto3.client("ecs").create_cluster(clusterName=name)
    boto3.client("stepfunctions").create_state_machine(name=name, definition='{"StartAt": "a"}', roleArn=_ROLE)
    _functions(aws, there=True)
    kinds = {
        "lambda": f"{{kind: lambda, function: '{name}'}}",
        "ecs": f"{{kind: ecs, cluster: '{name}', task_definition: d}}",
        "step-functions": f"{{kind: step_functions, function: f, state_machine: '{_MACHINE}{name}'}}",
    }
    for kind, compute in kinds.items():
        with asked_of_aws() as asked:
            finding = found_by(terminal, suite(compute), code=0, health="ok")["compute"]
        assert name in finding["message"]
        own = {action for action in asked if not action.startswith("s3:")}
        assert len(own) == 1
        assert own <= allowed(f"fan-out-{kind}")
    assert boto3.client("ecs").list_tasks(cluster=name)["taskArns"] == []
    assert boto3.client("stepfunctions").list_executions(stateMachineArn=f"{_MACHINE}{name}")["executions"] == []


def test_workers_that_we_may_not_ask(
    terminal: Terminal, suite: Suite, aws: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam, user = boto3.client("iam"), uuid.uuid4().hex
    iam.create_user(UserName=user)
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}]}
    iam.put_user_policy(UserName=user, PolicyName="stores", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    httpx.post(f"{aws.endpoint}/moto-api/reset-auth", content="0").raise_for_status()
    try:
        finding = found_by(terminal, suite("{kind: ecs, cluster: c, task_definition: d}"))["compute"]
    finally:
        httpx.post(f"{aws.endpoint}/moto-api/reset-auth", content="1000000000").raise_for_status()
    assert ("403" in finding["message"], "ecs:DescribeTasks" in finding["fix"]) == (True, True)
