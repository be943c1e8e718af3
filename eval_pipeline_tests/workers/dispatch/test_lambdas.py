"""`compute: lambda`, with the handler in Amazon's runtime client."""

import io
import json
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from eval_pipeline.errors import CredentialsError, PermanentError, TransientError
from eval_pipeline.suite.spec.compute import LambdaCompute
from eval_pipeline.workers.dispatch import lambdas
from eval_pipeline.workers.dispatch.lambdas import LambdaWorkers
from eval_pipeline.workers.task import TaskAnswer, WorkerTask
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.workers.dispatch.conftest import Serving, World

_COMPUTE = "{kind: lambda, function: worker, cases_per_task: 5, max_parallel: 2, poll_s: 0.5}"
_TASK = WorkerTask(suite="s", experiment="e", task="cases1to5", case_ids=("a",), call="c")


def test_a_warm_environment_does_task_after_task_from_what_it_has(world: World, serving: Serving) -> None:
    begun = world(cases=10, compute="local")
    first, second = begun.tasks()
    service = serving(begun)
    client = boto3.client("lambda")

    def call(event: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(client.invoke(FunctionName="worker", Payload=event)["Payload"].read())
        return answer

    answers = [call(first.to_json())]
    tables = [key for key in begun.store.list("contexts/") if "/tables/" in key]
    for key in tables:
        boto3.client("s3").delete_object(Bucket=begun.bucket, Key=f"team/{key}")
    answers += [call(json.dumps({"task": json.loads(second.to_json()), "headers": {}}).encode()), call(first.to_json())]
    batch = call(json.dumps({"Items": [json.loads(second.to_json())], "BatchInput": {"headers": {}}}).encode())
    wrong = call(b'{"suite": "counted"}')

    assert tables
    assert service.started == 1
    assert [(answer["finished"], answer["made"], answer["errors"]) for answer in answers] == [
        (5, 5, 1),
        (5, 5, 0),
        (5, 0, 0),
    ]
    assert [answer["made"] for answer in batch["answers"]] == [0]
    assert wrong["failure"]["kind"] == "InputError"
    assert len(begun.calls()) == 10
    assert begun.traced(first.experiment) == [f"c{number:03d}" for number in range(10)]


def test_a_run_of_dagster_gives_its_cases_to_a_function(
    world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    begun = world(cases=12, compute=_COMPUTE)
    service = serving(begun)

    done = made_terminal(monkeypatch, capfd)("run", begun.suite, "--json")

    assert done.document["status_counts"] == {"passed": 11, "error": 1}, done.stderr
    experiment = done.document["experiment"]
    assert service.calls == ["worker"] * 3
    assert len(begun.calls()) == len(begun.rows(experiment)) == len(begun.traced(experiment)) == 12


def test_workers_elsewhere_need_a_store_they_can_read(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    begun = world(cases=2, compute=_COMPUTE)

    done = made_terminal(monkeypatch, capfd)("run", begun.suite, "--store", begun.folder / "store")

    assert done.code == 2
    assert "cannot read the store in the folder" in done.stderr


async def test_a_call_that_is_one_too_many_is_made_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambdas, "_FIRST_WAIT_S", 0.001)
    answer = TaskAnswer(suite="s", experiment="e", task="cases1to5", call="c")
    with _client() as stubbed:
        for _ in range(3):
            stubbed.add_client_error("invoke", "TooManyRequestsException")
        stubbed.add_response("invoke", _response(answer.model_dump_json().encode()), _ASKED)

        assert await _workers(stubbed).do(_TASK) == answer


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", CredentialsError),
        ("ResourceNotFoundException", PermanentError),
        ("ServiceException", TransientError),
    ],
)
async def test_what_lambda_refuses_says_whether_another_try_helps(code: str, kind: type[Exception]) -> None:
    with _client() as stubbed:
        stubbed.add_client_error("invoke", code)

        with pytest.raises(kind):
            await _workers(stubbed).do(_TASK)


async def test_a_function_that_breaks_is_called_again_by_those_who_have_the_task() -> None:
    with _client() as stubbed:
        broken = {
            **_response(b'{"errorType": "Sandbox.Timedout", "errorMessage": "3 s"}'),
            "FunctionError": "Unhandled",
        }
        stubbed.add_response("invoke", broken, _ASKED)

        with pytest.raises(TransientError, match=r"Sandbox.Timedout: 3 s"):
            await _workers(stubbed).do(_TASK)


_ASKED = {"FunctionName": "f", "InvocationType": "RequestResponse", "Payload": ANY}


def _client() -> Any:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    return Stubber(boto3.client("lambda", **keys))


def _workers(stubbed: Any) -> LambdaWorkers:
    return LambdaWorkers(LambdaCompute(kind="lambda", function="f"), client=stubbed.client)


def _response(payload: bytes) -> dict[str, Any]:
    return {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(payload), len(payload))}
