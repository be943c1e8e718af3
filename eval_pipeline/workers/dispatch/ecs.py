"""Workers that are tasks of Amazon ECS, each a container that does one task of ours and ends.

Two variables of the container name its task in the store. Its results are in the store; whether it has ended is polled
from ECS, for all containers together.
"""

import asyncio
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from eval_pipeline.errors import TransientError
from eval_pipeline.settings import STORE_VARIABLE, TASK_VARIABLE
from eval_pipeline.store.layout import task_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.compute import EcsCompute
from eval_pipeline.workers.dispatch.aws_errors import aws_error
from eval_pipeline.workers.dispatch.workers import stored_answer
from eval_pipeline.workers.task import TaskAnswer, WorkerTask

_ASKED_AT_ONCE = 100
_UNUSED_ID = "0" * 32
"""An id that no task has."""
_ALLOW = "ecs:RunTask, ecs:DescribeTasks, ecs:StopTask and iam:PassRole"


class EcsWorkers:
    """A cluster that runs a container for each task."""

    keeps_traces = False
    takes_all = False

    def __init__(self, compute: EcsCompute, store: Store, *, client: Any = None) -> None:
        """Nothing is called yet.

        Args:
            compute: says which cluster, and what it runs.
            store: where containers find their tasks.
            client: of boto3, for ECS; by default one that is set up by the environment.
        """
        self._compute, self._store = compute, store
        self._client = client or boto3.client("ecs")
        self._running: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._watching: asyncio.Task[None] | None = None

    async def do(self, task: WorkerTask) -> TaskAnswer:
        """Run a container for a task, and wait for its end."""
        arn = await asyncio.to_thread(self._run, task)
        stopped = self._running[arn] = asyncio.get_running_loop().create_future()
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            described = await stopped
        finally:
            self._running.pop(arn, None)
        answer = await asyncio.to_thread(stored_answer, self._store, task)
        if answer is not None:
            return answer
        raise TransientError(
            f"the container of {task.task} ended without an answer: {_reason(described)}",
            fix="see its log, and whether its role may read and write the store",
        )

    def check(self) -> str:
        """Describe a task that does not exist: there is no dry run, and we may not read definitions."""
        cluster, definition = self._compute.cluster, self._compute.task_definition
        try:
            self._client.describe_tasks(cluster=cluster, tasks=[_UNUSED_ID])
        except (BotoCoreError, ClientError) as error:
            raise aws_error(cluster, error, allow=_ALLOW) from error
        return f"the cluster {cluster} describes its tasks (whether it can run {definition} was not tested)"

    async def close(self) -> None:
        """Stop the containers in progress."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        for arn in list(self._running):
            await asyncio.to_thread(self._stop, arn)

    def _run(self, task: WorkerTask) -> str:
        key = task_key(task.suite, task.experiment, task.task)
        self._store.put(key, task.to_json())
        variables = {TASK_VARIABLE: key, STORE_VARIABLE: self._store.root}
        environment = [{"name": name, "value": value} for name, value in variables.items()]
        try:
            response = self._client.run_task(
                cluster=self._compute.cluster,
                taskDefinition=self._compute.task_definition,
                launchType=self._compute.launch_type,
                count=1,
                # Sent again because a response was lost, it starts no second container.
                clientToken=task.call,
                startedBy="eval_pipeline",
                overrides={"containerOverrides": [{"name": self._compute.container, "environment": environment}]},
                **self._network(),
            )
        except (BotoCoreError, ClientError) as error:
            raise aws_error(self._compute.cluster, error, allow=_ALLOW) from error
        if not response["tasks"]:
            reasons = ", ".join(str(failure.get("reason")) for failure in response["failures"])
            fix = "see whether the cluster has room; the task is tried again"
            raise TransientError(f"{self._compute.cluster} runs no container for {task.task}: {reasons}", fix=fix)
        return str(response["tasks"][0]["taskArn"])

    def _network(self) -> dict[str, Any]:
        compute = self._compute
        if not compute.subnets:
            return {}
        return {
            "networkConfiguration": {
                "awsvpcConfiguration": {
                    "subnets": list(compute.subnets),
                    "securityGroups": list(compute.security_groups),
                    "assignPublicIp": "ENABLED" if compute.assign_public_ip else "DISABLED",
                }
            }
        }

    async def _watch(self) -> None:
        while self._running:
            await asyncio.sleep(self._compute.poll_s)
            arns = list(self._running)
            for start in range(0, len(arns), _ASKED_AT_ONCE):
                for described in await asyncio.to_thread(self._described, arns[start : start + _ASKED_AT_ONCE]):
                    stopped = self._running.get(described["taskArn"])
                    if stopped is not None and not stopped.done() and described["lastStatus"] == "STOPPED":
                        stopped.set_result(described)

    def _described(self, arns: list[str]) -> list[dict[str, Any]]:
        """ECS's description of containers; one that ECS does not have any more has stopped."""
        try:
            response = self._client.describe_tasks(cluster=self._compute.cluster, tasks=arns)
        except (BotoCoreError, ClientError):
            return []  # it is polled again
        gone = [failure["arn"] for failure in response["failures"] if failure.get("reason") == "MISSING"]
        missing = [
            {"taskArn": arn, "lastStatus": "STOPPED", "stoppedReason": "ECS does not have it any more"} for arn in gone
        ]
        return [*response["tasks"], *missing]

    def _stop(self, arn: str) -> None:
        try:
            self._client.stop_task(cluster=self._compute.cluster, task=arn, reason="the run that waited for it ended")
        except (BotoCoreError, ClientError):
            return  # it ends by itself


def _reason(described: dict[str, Any]) -> str:
    reasons = [str(described.get("stoppedReason") or "")]
    for container in described.get("containers", ()):
        reasons += [
            f"exit code {container['exitCode']}" if "exitCode" in container else "",
            str(container.get("reason") or ""),
        ]
    return "; ".join(reason for reason in reasons if reason) or "no reason is given"
