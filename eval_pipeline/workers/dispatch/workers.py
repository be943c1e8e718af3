"""What a kind of worker is to those who have tasks, and choosing one as the suite says."""

from typing import Protocol

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.settings import LangSmithSettings
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
    """Some workers. They are used in one event loop, and may be given many tasks at once."""

    keeps_traces: bool
    """Whether a trace that could not be sent is still there when the worker has ended, to be sent from its spool."""
    takes_all: bool
    """Whether they are to be given all tasks, and see themselves how many are done at once."""

    async def do(self, task: WorkerTask) -> TaskAnswer:
        """Have a task done.

        Raises:
            TransientError: there is no answer; of the task nothing, a part, or all may be done.
            PermanentError: there are no such workers, or we may not ask them.
        """

    def asked(self) -> str:
        """Ask whether they are there and may be asked, as far as that goes without beginning anything.

        Returns:
            What is known by the answer, and what is not.

        Raises:
            InfrastructureError: they are not there, or we may not ask them.
        """

    async def close(self) -> None:
        """No more tasks will come, and nobody waits for those in progress."""


def open_workers(compute: AnyFanOut, suite: Suite, store: Store, settings: LangSmithSettings) -> Workers:
    """The workers that `compute` means. None is asked for anything yet.

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
