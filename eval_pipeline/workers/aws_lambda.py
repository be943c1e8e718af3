"""The handler of AWS Lambda: `eval_pipeline.workers.aws_lambda.handler`.

    a task                                       its answer
    {task: a task, headers}                      the same; headers of the trace that the state machine carries
    {Items: tasks, BatchInput: {headers}}        {answers}: an `ItemBatcher`'s

The opened context and the agent stay in memory and in the scratch folder, and serve the next call of the same
environment. Failures are answers, so that no map hangs on what it tolerates, unless the task
says `raise_errors`.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from eval_pipeline.errors import InputError
from eval_pipeline.serving.loopback import exempt_loopback_from_proxies
from eval_pipeline.settings import CACHE_VARIABLE, SPOOL_VARIABLE, PipelineSettings
from eval_pipeline.workers.task import Failure, TaskAnswer, WorkerTask, read_task
from eval_pipeline.workers.work import do_task


class LambdaContext(Protocol):
    """The part of Lambda's context that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Until this environment is stopped."""


def use_scratch_folder() -> None:
    """Keep the cache, and traces that wait, in the one folder that Lambda may write to."""
    scratch = Path(tempfile.gettempdir()) / "eval_pipeline"
    os.environ.setdefault(CACHE_VARIABLE, str(scratch))
    os.environ.setdefault(SPOOL_VARIABLE, str(scratch / "trace_spool"))


if PipelineSettings.from_environment().aws_lambda_runtime_api:
    use_scratch_folder()
exempt_loopback_from_proxies()


def handler(event: Mapping[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Do the task, or the tasks, of an event.

    Raises:
        EvalPipelineError: the infrastructure failed, and `raise_errors` of the task covers it.
    """
    if "Items" in event:
        headers = event.get("BatchInput", {}).get("headers", {})
        return {"answers": [_answer(item, headers, context) for item in event["Items"]]}
    if isinstance(event.get("task"), Mapping):
        return _answer(event["task"], event.get("headers", {}), context)
    return _answer(event, {}, context)


def _answer(event: Mapping[str, Any], headers: Mapping[str, str], context: LambdaContext | None) -> dict[str, Any]:
    try:
        task = read_task({**event, "headers": headers} if headers else event, source="the event")
    except InputError as error:
        suite, experiment, named, call = (str(event.get(name, "")) for name in ("suite", "experiment", "task", "call"))
        failed = TaskAnswer(suite=suite, experiment=experiment, task=named, call=call, failure=Failure.of(error))
        return failed.model_dump(mode="json")
    seconds = None if context is None else context.get_remaining_time_in_millis() / 1000
    answer = do_task(task, seconds=seconds)
    if answer.failure is not None and _raises(task, answer.failure):
        raise answer.failure.error(task.task)
    return answer.model_dump(mode="json")


def _raises(task: WorkerTask, failure: Failure) -> bool:
    return task.raise_errors == "all" or (task.raise_errors == "transient" and failure.retryable)
