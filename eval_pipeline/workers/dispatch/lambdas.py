"""Workers that are invocations of an AWS Lambda function.

A plain synchronous call of boto3 from a thread for each, not Dagster Pipes: Pipes excludes the partial success of a
run (an asset that reports partitions as they are finished yields no output, and Pipes insists on one), its context
outlives an invocation in a warm environment and loses the messages of the next, and its results travel as messages,
where ours are in the store.
"""

import asyncio
import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from eval_pipeline.errors import TransientError
from eval_pipeline.store.s3_errors import code_of
from eval_pipeline.suite.spec.compute import LambdaCompute
from eval_pipeline.workers.dispatch.aws_errors import aws_error
from eval_pipeline.workers.task import TaskAnswer, WorkerTask

_THROTTLED = {"TooManyRequestsException", "ThrottlingException", "EC2ThrottledException", "ENILimitReachedException"}
_FIRST_WAIT_S, _LONGEST_WAIT_S, _MOST_WAITS = 0.5, 30.0, 30
_LONGER_S = 30.0
"""What an answer may take beyond the function's own time limit."""


class LambdaWorkers:
    """A function, called once for each task."""

    keeps_traces = False
    takes_all = False

    def __init__(self, compute: LambdaCompute, *, client: Any = None) -> None:
        """Nothing is called yet.

        Args:
            compute: says which function.
            client: of boto3, for Lambda; by default one that is set up by the environment.
        """
        self._target = {"FunctionName": compute.function}
        if compute.qualifier is not None:
            self._target["Qualifier"] = compute.qualifier
        self._client = client or boto3.client(
            "lambda",
            config=Config(
                read_timeout=compute.timeout_s + _LONGER_S,
                # A call that boto3 repeats would be a second worker of the task.
                retries={"total_max_attempts": 1},
                max_pool_connections=compute.max_parallel,
                tcp_keepalive=True,
            ),
        )
        self._threads = ThreadPoolExecutor(compute.max_parallel, thread_name_prefix="lambda")

    async def do(self, task: WorkerTask) -> TaskAnswer:
        """Call the function, again as long as Lambda answers that there are too many calls."""
        wait_s = _FIRST_WAIT_S
        for waits in range(_MOST_WAITS):
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._call, task)
            except ClientError as error:
                if code_of(error) not in _THROTTLED or waits == _MOST_WAITS - 1:
                    raise aws_error(self._target["FunctionName"], error, allow="lambda:InvokeFunction") from error
            except BotoCoreError as error:
                raise aws_error(self._target["FunctionName"], error, allow="lambda:InvokeFunction") from error
            # Spread out, or calls that were refused together are repeated together.
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            wait_s = min(_LONGEST_WAIT_S, 2 * wait_s)
        raise AssertionError

    def check(self) -> str:
        """Make a dry run, which Lambda answers without calling the function."""
        name = self._target["FunctionName"]
        try:
            self._client.invoke(**self._target, InvocationType="DryRun")
        except (BotoCoreError, ClientError) as error:
            raise aws_error(name, error, allow="lambda:InvokeFunction") from error
        return f"the Lambda function {name} may be called (not called)"

    async def close(self) -> None:
        """Invocations in progress end by themselves; what they finish is in the store."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _call(self, task: WorkerTask) -> TaskAnswer:
        response = self._client.invoke(**self._target, InvocationType="RequestResponse", Payload=task.to_json())
        payload = response["Payload"].read()
        if response.get("FunctionError"):
            message = f"the Lambda function broke at {task.task}: {_reason(payload)}"
            fix = "see its log: time limit and memory are the usual causes"
            raise TransientError(message, fix=fix)
        try:
            return TaskAnswer.model_validate_json(payload)
        except ValidationError as error:
            fix = "make eval_pipeline.workers.aws_lambda.handler its handler, of the same version as here"
            raise TransientError(f"the Lambda function gave no answer: {payload[:200]!r}", fix=fix) from error


def _reason(payload: bytes) -> str:
    try:
        error = json.loads(payload)
        return f"{error['errorType']}: {error['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        return repr(payload[:200])
