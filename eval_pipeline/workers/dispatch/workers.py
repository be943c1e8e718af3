"""The protocol of all kinds of workers, and opening those that the suite names."""

from typing import Protocol

from pydantic import ValidationError

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.layout import answer_key
from eval_pipeline.store.local import LocalStore
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.compute import (
    AnyFanOut,
    EcsCompute,
    LambdaCompute,
    StepFunctionsCompute,
    SubprocessCompute,
)
from eval_pipeline.suite.suite import Suite
from eval_pipeline.workers.task import TaskAnswer, WorkerTask


class Workers(Protocol):
    """Some workers. They are used in one event loop, and may do many tasks at once."""

    keeps_traces: bool
    """Whether traces that could not be sent are in the spool when the worker has ended."""
    takes_all: bool
    """Whether they take all tasks at once, and limit by themselves how many are in progress."""

    async def do(self, task: WorkerTask) -> TaskAnswer:
        """Have a task done.

        Raises:
            TransientError: there is no answer; none, some or all of the task may be done.
            PermanentError: there are no such workers, or we may not call them.
        """

    def check(self) -> str:
        """Check that they exist and may be called, as far as that goes without starting anything.

        Returns:
            What was checked, and what was not.

        Raises:
            InfrastructureError: they do not exist, or we may not call them.
        """

    async def close(self) -> None:
        """End: no more tasks follow, and those in progress are abandoned."""


def open_workers(compute: AnyFanOut, suite: Suite, store: Store, settings: LangSmithSettings) -> Workers:
    """The workers that `compute` names. Nothing is started yet.

    Raises:
        InputError: they could not read the store.
    """
    if isinstance(compute, SubprocessCompute):
        from eval_pipeline.workers.dispatch.subprocesses import Subprocesses  # noqa: PLC0415 - boto3 takes a second to import

        return Subprocesses.of(suite, store, settings)
    if isinstance(store, LocalStore):
        message = f"workers of kind {compute.kind!r} cannot read the store in the folder {store.root}"
        fix = "set EVAL_PIPELINE_STORE to s3://bucket/prefix, which they can"
        raise InputError(Problem(message=message, fix=fix, field="compute.kind"))
    match compute:
        case LambdaCompute():
            from eval_pipeline.workers.dispatch.lambdas import LambdaWorkers  # noqa: PLC0415 - as above

            return LambdaWorkers(compute)
        case EcsCompute():
            from eval_pipeline.workers.dispatch.ecs import EcsWorkers  # noqa: PLC0415 - as above

            return EcsWorkers(compute, store)
        case StepFunctionsCompute():
            from eval_pipeline.workers.dispatch.state_machine import StateMachineWorkers  # noqa: PLC0415 - as above

            return StateMachineWorkers(compute, store)


def stored_answer(store: Store, task: WorkerTask) -> TaskAnswer | None:
    """The answer to this call of a task, for workers that cannot be asked; None if there is none to this call.

    Raises:
        TransientError: the store cannot be reached.
    """
    data = store.get(answer_key(task.suite, task.experiment, task.task))
    try:
        answer = None if data is None else TaskAnswer.model_validate_json(data)
    except ValidationError:
        return None
    return answer if answer is not None and answer.call == task.call else None
