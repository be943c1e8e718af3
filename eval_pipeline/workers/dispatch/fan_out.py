"""A run's attempts given to workers, where `compute:` of the suite is not `local`.

The run itself makes no attempt. It gives tasks to workers, and records and reports what appears in the store; what is
left to do is read from the result log as ever, so that a run that was killed can be resumed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.models.limits.throughput import ThroughputReport
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.pipeline.run import ExperimentRun
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.suite.spec.compute import AnyFanOut
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline.workers.dispatch.dispatcher import TaskDispatcher
from eval_pipeline.workers.dispatch.planning import Portion, plan_tasks
from eval_pipeline.workers.dispatch.workers import open_workers
from eval_pipeline.workers.task import TaskTracing, task_fields


@dataclass(frozen=True, kw_only=True)
class FannedOut:
    """What workers did of a run."""

    report: ThroughputReport
    """How they called models."""
    traces_lost: bool
    """Whether workers ended with traces that they could not send."""


def tasks_of(
    run: ExperimentRun, attempts: Sequence[Attempt], *, cases_per_task: int, fields: Mapping[str, Any] | None = None
) -> list[Portion]:
    """A run's attempts as tasks; the experiment's project is announced to the workers that join it.

    Args:
        run: has the experiment.
        attempts: to be made.
        cases_per_task: how many cases of the dataset a task is of.
        fields: of every task, instead of those that the run gives.
    """
    opened, dataset = run.experiment, run.cases.dataset
    tracing = None
    if run.tracing is not None:
        run.tracing.announce()
        begun_by = run.run_id if run.tracing.online else None
        tracing = TaskTracing.of(opened.settings, begun_by=begun_by, dataset_cases=len(dataset))
    return plan_tasks(
        [case.id for case in dataset],
        attempts,
        cases_per_task=cases_per_task,
        finished=run.log.finished,
        like={
            **task_fields(opened.record, opened.settings, store=opened.store.root, tracing=tracing),
            "log_order": run.log.next_order,
            "retry_errors": run.log.retry_errors,
            **(fields or {}),
        },
    )


def fan_out(
    run: ExperimentRun,
    compute: AnyFanOut,
    attempts: Sequence[Attempt],
    recorder: ResultRecorder,
    *,
    reuse: bool = False,
    on_result: Callable[[CaseResult], None],
    log: Any,
) -> FannedOut:
    """Have workers make attempts, and record their results. What is finished when a task fails is kept.

    Args:
        run: has the experiment.
        compute: says which workers.
        attempts: to be made.
        recorder: takes every result.
        reuse: whether answers of earlier experiments stand for those of the target that would be the same.
        on_result: is called with every result.
        log: has `info` and `warning`.

    Raises:
        InfrastructureError: a task cannot be done.
        InputError: workers cannot use what the user wrote.
    """
    opened, evaluator = run.experiment, run.evaluator
    fields = {"reuse_answers": reuse}
    portions = tasks_of(run, attempts, cases_per_task=compute.cases_per_task, fields=fields)
    workers = open_workers(compute, evaluator.suite, opened.store, opened.settings)
    dispatcher = TaskDispatcher(
        workers,
        store=opened.store,
        record=opened.record,
        compute=compute,
        evaluation=evaluator.suite.spec.evaluation,
        seen=run.log.keys,
        warn=log.warning,
    )

    async def record_all() -> None:
        async for result in dispatcher.results(portions):
            await recorder.add(result, in_log=True)
            on_result(result)
        for attempt in dispatcher.not_begun:
            result = evaluator.skipped(attempt, dispatcher.spent or "")
            await recorder.add(result)
            on_result(result)

    log.info("%d tasks of up to %d cases for workers of kind %s", len(portions), compute.cases_per_task, compute.kind)
    run_in_loop(record_all())
    usage = dispatcher.usage
    lost = bool(usage.lost_workers or (usage.unsent_runs and not workers.keeps_traces))
    return FannedOut(report=usage.report(), traces_lost=lost)
