"""Workers that a state machine of AWS Step Functions calls: one execution maps over the tasks of a run.

`eval-pipeline stepfunctions` makes the machine; the input of an execution that a run begins is what the first state
would return, and makes it leave the summary to the run. Results are read from the store as they appear, whatever the
map tolerates and wherever it writes.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import boto3
import orjson
from botocore.exceptions import BotoCoreError, ClientError

from eval_pipeline.errors import InputError, PermanentError, Problem, TransientError
from eval_pipeline.store.content_hash import digest
from eval_pipeline.store.layout import items_key
from eval_pipeline.store.s3_errors import code_of
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.compute import StepFunctionsCompute
from eval_pipeline.workers.dispatch.aws_errors import aws_error
from eval_pipeline.workers.dispatch.workers import stored_answer
from eval_pipeline.workers.state_machine.prefetch import bucket_and_key
from eval_pipeline.workers.task import TaskAnswer, WorkerTask

_GATHERING_S = 0.2
"""Tasks that come together are items of one execution; those that are tried again have another."""
_UNUSED_NAME = "eval-pipeline-doctor"
"""A name that no execution has."""
_ALLOW = "states:StartExecution, states:DescribeExecution and states:StopExecution"
_Item = tuple[WorkerTask, asyncio.Future[TaskAnswer]]


class StateMachineWorkers:
    """A state machine, executed for tasks that come together."""

    keeps_traces = False
    takes_all = True

    def __init__(self, compute: StepFunctionsCompute, store: Store, *, client: Any = None) -> None:
        """Nothing is executed yet.

        Args:
            compute: says which machine.
            store: where the map finds its items.
            client: of boto3, for Step Functions; by default one that is set up by the environment.

        Raises:
            InputError: no machine is named.
        """
        if compute.state_machine is None:
            fix = "make one from `eval-pipeline stepfunctions`, and give its ARN"
            message = "no state machine is named"
            raise InputError(Problem(message=message, fix=fix, field="compute.state_machine"))
        self._machine, self._poll_s, self._store = compute.state_machine, compute.poll_s, store
        self._client = client or boto3.client("stepfunctions")
        self._gathered: list[_Item] = []
        self._executions: dict[str, asyncio.Task[None]] = {}
        self._beginning: asyncio.Task[None] | None = None

    async def do(self, task: WorkerTask) -> TaskAnswer:
        """Make a task an item of the next execution, and wait for its end."""
        answer: asyncio.Future[TaskAnswer] = asyncio.get_running_loop().create_future()
        self._gathered.append((task, answer))
        if self._beginning is None or self._beginning.done():
            self._beginning = asyncio.create_task(self._begin())
        return await answer

    def check(self) -> str:
        """Describe an execution that does not exist: we may not read machines."""
        execution = f"{self._machine.replace(':stateMachine:', ':execution:', 1)}:{_UNUSED_NAME}"
        try:
            self._client.describe_execution(executionArn=execution)
        except (BotoCoreError, ClientError) as error:
            if code_of(error) != "ExecutionDoesNotExist":
                raise aws_error(self._machine, error, allow=_ALLOW) from error
        return f"executions of {self._machine} may be described (whether it exists was not tested)"

    async def close(self) -> None:
        """Stop the executions in progress."""
        if self._beginning is not None:
            self._beginning.cancel()
        for arn, watching in self._executions.items():
            if not watching.done():
                watching.cancel()
                await asyncio.to_thread(self._stop, arn)
        await asyncio.gather(*self._executions.values(), return_exceptions=True)

    async def _begin(self) -> None:
        await asyncio.sleep(_GATHERING_S)
        items, self._gathered = self._gathered, []
        try:
            arn = await asyncio.to_thread(self._started, [task for task, _ in items])
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            for _, answer in items:
                if not answer.done():
                    answer.set_exception(error)
            return
        self._executions[arn] = asyncio.create_task(self._watch(arn, items))

    def _started(self, tasks: Sequence[WorkerTask]) -> str:
        first = tasks[0]
        calls = digest([task.call for task in tasks])
        key = items_key(first.suite, first.experiment, f"execution-{calls}")
        items = [task.model_copy(update={"headers": {}}) for task in tasks]
        self._store.put(key, orjson.dumps([orjson.loads(task.to_json()) for task in items]))
        execution_input = {
            "prefetched": {
                "suite": first.suite,
                "experiment": first.experiment,
                "items": bucket_and_key(self._store, key),
                "count": len(tasks),
                "headers": dict(first.headers),
            },
            "summarise": False,
        }
        try:
            response = self._client.start_execution(
                stateMachineArn=self._machine,
                # The same name and input start one execution, however often they are sent.
                name=f"{first.experiment[:60]}-{calls}",
                input=orjson.dumps(execution_input).decode(),
            )
        except (BotoCoreError, ClientError) as error:
            raise aws_error(self._machine, error, allow=_ALLOW) from error
        return str(response["executionArn"])

    async def _watch(self, arn: str, items: Sequence[_Item]) -> None:
        described = None
        while described is None or described["status"] == "RUNNING":
            await asyncio.sleep(self._poll_s)
            described = await asyncio.to_thread(self._described, arn) or described
        for task, answer in items:
            outcome: TaskAnswer | Exception
            try:
                stored = await asyncio.to_thread(stored_answer, self._store, task)
                outcome = stored or _unanswered(task, described)
            except Exception as error:  # noqa: BLE001 - as in `_begin`
                outcome = error
            if not answer.done():
                answer.set_exception(outcome) if isinstance(outcome, Exception) else answer.set_result(outcome)

    def _described(self, arn: str) -> dict[str, Any] | None:
        try:
            described: dict[str, Any] = self._client.describe_execution(executionArn=arn)
        except (BotoCoreError, ClientError):
            return None  # it is polled again
        return described

    def _stop(self, arn: str) -> None:
        try:
            self._client.stop_execution(executionArn=arn, cause="the run that waited for it ended")
        except (BotoCoreError, ClientError):
            return  # it ends by itself


def _unanswered(task: WorkerTask, described: dict[str, Any]) -> Exception:
    message = f"{task.task} was not answered; the execution ended {described['status']}"
    cause = ": ".join(str(described[name]) for name in ("error", "cause") if described.get(name))
    if described["status"] == "ABORTED":
        return PermanentError(f"{message} {cause}".rstrip(), fix="it was stopped; resume the run")
    return TransientError(f"{message} {cause}".rstrip(), fix="see the execution in the console of Step Functions")
