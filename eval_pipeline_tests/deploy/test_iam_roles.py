"""The policies of `deploy/iam` for those who begin tasks and calls: what they ask for, and nothing else."""

import asyncio
import io
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.store.s3 import S3Store
from eval_pipeline.suite.spec.compute import EcsCompute, LambdaCompute, StepFunctionsCompute
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.workers.dispatch.ecs import EcsWorkers
from eval_pipeline.workers.dispatch.lambdas import LambdaWorkers
from eval_pipeline.workers.dispatch.state_machine import StateMachineWorkers
from eval_pipeline.workers.dispatch.workers import Workers
from eval_pipeline.workers.state_machine.definition import state_machine_definition
from eval_pipeline.workers.task import WorkerTask
from eval_pipeline_tests.aws_operations import asked_of_aws
from eval_pipeline_tests.s3_servers import S3Server, moto_server
from eval_pipeline_tests.small_suite import write_small_suite

POLICIES = Path(__file__).parents[2] / "deploy" / "iam"
NAMES = sorted(file.stem for file in POLICIES.glob("*.json"))
WITHOUT_RESOURCE = {"ec2:DescribeNetworkInterfaces", "ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition"}
"""Actions that AWS restricts to no resource (Service Authorization Reference)."""
NO_OPERATION = {"iam:PassRole", "ecs:TagResource"}
"""Required by AWS itself to run a task with a role and with tags."""
_TASK = WorkerTask(suite="s", experiment="e", task="cases1to5", case_ids=("a",), call="c")


@cache
def statements(name: str) -> list[dict[str, Any]]:
    """The statements of a policy."""
    documents: list[dict[str, Any]] = json.loads((POLICIES / f"{name}.json").read_text())["Statement"]
    return documents


def allowed(name: str) -> set[str]:
    """The actions of a policy."""
    return {action for statement in statements(name) for action in statement["Action"]}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_allowed_of_everything(name: str) -> None:
    for statement in statements(name):
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
        if statement["Resource"] == "*":
            assert set(statement["Action"]) <= WITHOUT_RESOURCE
        if "iam:PassRole" in statement["Action"]:
            assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_says_whose_it_is(name: str) -> None:
    assert f"iam/{name}.json" in (POLICIES.parent / "README.md").read_text()


def test_a_function_may_create_its_log_group_which_nothing_else_creates() -> None:
    resources = [each for statement in statements("lambda-logs") for each in statement["Resource"]]
    group = "arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/aws/lambda/${FUNCTION}*"
    assert allowed("lambda-logs") == {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
    # Of a group AWS asks with and without the streams in it.
    assert set(resources) == {group, f"{group}:*"}


def test_the_readme_creates_the_log_group_of_tasks_which_no_role_may_create() -> None:
    folder = POLICIES.parent
    group = re.findall(r'"awslogs-group": "([^"]+)"', (folder / "ecs" / "task-definition.json").read_text())[0]
    assert not any("logs:CreateLogGroup" in allowed(name) for name in NAMES if name.startswith("ecs-"))
    assert f"aws logs create-log-group --log-group-name {group}" in (folder / "README.md").read_text()


@pytest.fixture
def store() -> Iterator[S3Store]:
    with moto_server() as server:
        yield _Kept(server)


class _Kept(S3Store):
    """A store whose requests are none of the workers' own."""

    def __init__(self, server: S3Server) -> None:
        super().__init__(server.client(), bucket=server.bucket(), prefix="team")
        self.kept: dict[str, bytes] = {}

    def put(self, key: str, data: bytes | memoryview) -> None:
        self.kept[key] = bytes(data)

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)


def _answers(action: str) -> Mapping[str, Any]:
    arn = "arn:aws:ecs:us-east-1:1:task/c/1"
    answers: Mapping[str, Mapping[str, Any]] = {
        "ecs:RunTask": {"tasks": [{"taskArn": arn}], "failures": []},
        "ecs:DescribeTasks": {"tasks": [{"taskArn": arn, "lastStatus": "RUNNING"}], "failures": []},
        "ecs:StopTask": {},
        "lambda:InvokeFunction": {"Payload": io.BytesIO(b"{}")},
        "states:StartExecution": {"executionArn": "arn:aws:states:us-east-1:1:execution:m:1"},
        "states:DescribeExecution": {"status": "RUNNING"},
        "states:StopExecution": {},
    }
    return answers[action]


def _workers(name: str, store: S3Store) -> Workers:
    match name:
        case "fan-out-ecs":
            return EcsWorkers(EcsCompute(kind="ecs", cluster="c", task_definition="d", poll_s=0.01), store)
        case "fan-out-lambda":
            return LambdaWorkers(LambdaCompute(kind="lambda", function="f"))
        case _:
            machine = "arn:aws:states:us-east-1:1:stateMachine:m"
            compute = StepFunctionsCompute(kind="step_functions", function="f", state_machine=machine, poll_s=0.01)
            return StateMachineWorkers(compute, store)


@pytest.mark.parametrize("name", ["fan-out-ecs", "fan-out-lambda", "fan-out-step-functions"])
async def test_a_run_that_fans_out_may_do_what_it_does(
    name: str, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    wanted = allowed(name) - NO_OPERATION
    with asked_of_aws(_answers) as asked:
        workers = _workers(name, store)
        doing = asyncio.ensure_future(workers.do(_TASK))
        # All but the end, which an answer that never comes leaves to `close`.
        while not doing.done() and len(asked) < max(1, len(wanted) - 1):  # noqa: ASYNC110 - others ask
            await asyncio.sleep(0.01)
        await workers.close()
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
    assert asked == wanted


def test_a_state_machine_may_do_what_its_definition_has_it_do(tmp_path: Path) -> None:
    suite = write_small_suite(tmp_path / "shop")
    with (suite / "suite.yaml").open("a") as file:
        file.write("compute: {kind: step_functions, function: worker}\n")
    definition = json.dumps(state_machine_definition(read_suite(suite)))
    actions = {
        {"s3:getObject": "s3:GetObject", "lambda:invoke": "lambda:InvokeFunction"}[action]
        for action in re.findall(r"arn:aws:states:::(\w+:\w+)", definition)
    }
    mapping = {"states:StartExecution", "states:DescribeExecution", "states:StopExecution"}
    assert '"DISTRIBUTED"' in definition
    assert allowed("state-machine") == actions | mapping
    functions = set(re.findall(r'"FunctionName": "([^"]+)"', definition))
    resources = {each for statement in statements("state-machine") for each in statement["Resource"]}
    for function in functions:
        assert "arn:aws:lambda:${REGION}:${ACCOUNT}:function:" + function.replace("worker", "${FUNCTION}") in resources
