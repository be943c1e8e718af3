"""A run's share given to workers: `compute:` of the suite is not `local`.

The run itself then makes no attempt. It has the experiment begun, gives tasks away, and records and reports what
appears in the store; what is left to do is read from the result log as ever, so that a run that was killed goes on.
"""

from collections.abc import Callable, Iterable, Sequence

from eval_pipeline.defs.assets.share import Share
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.models.limits.run import ThroughputReport
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.pipeline.trace_run import ExperimentTracing
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.result_log import AttemptKey
from eval_pipeline.suite.spec.compute import AnyFanOut
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline.workers.dispatch.planning import Portion, plan_tasks
from eval_pipeline.workers.dispatch.running import TaskDispatcher
from eval_pipeline.workers.dispatch.workers import open_workers
from eval_pipeline.workers.task import TaskTracing, task_fields


def plan_share(
    share: Share,
    compute: AnyFanOut,
    attempts: Iterable[Attempt],
    *,
    finished: Iterable[AttemptKey],
    tracing: ExperimentTracing | None,
) -> list[Portion]:
    """The tasks that a share is; the experiment is announced to those who will do them."""
    traced = None
    if tracing is not None:
        tracing.announce()
        begun_by = share.context.run.run_id if tracing.online else None
        traced = TaskTracing.of(share.settings, begun_by=begun_by, dataset_cases=len(share.dataset))
    return plan_tasks(
        [case.id for case in share.dataset],
        attempts,
        cases_per_task=compute.cases_per_task,
        finished=finished,
        like={
            **task_fields(share.record, share.settings, store=share.store.root, tracing=traced),
            "retry_errors": share.retry_errors,
        },
    )


def fan_out_share(
    share: Share,
    compute: AnyFanOut,
    portions: Sequence[Portion],
    recorder: ResultRecorder,
    *,
    told: Callable[[CaseResult], None],
    known: set[str],
) -> tuple[ThroughputReport, bool]:
    """Have the tasks of a share done, and record what comes of them. What is finished when one fails is kept.

    Args:
        share: says with what.
        compute: says by whom.
        portions: the tasks.
        recorder: is given every result.
        told: is told every result.
        known: segments of the result log that were there before it was asked what is left.

    Returns:
        How models were called, and whether workers are gone with traces they could not send.

    Raises:
        InfrastructureError: a task cannot be done.
        InputError: workers cannot use what the user wrote.
    """
    evaluator, log = share.evaluator, share.context.log
    workers = open_workers(compute, evaluator.suite, share.store, share.settings)
    evaluation = evaluator.suite.spec.evaluation
    fan_out = TaskDispatcher(
        workers,
        store=share.store,
        record=share.record,
        compute=compute,
        evaluation=evaluation,
        known=known,
        warn=log.warning,
    )

    async def run() -> None:
        async for result in fan_out.results(portions):
            await recorder.add(result, in_log=True)
            told(result)
        for attempt in fan_out.not_begun:
            result = evaluator.skipped(attempt, fan_out.spent or "")
            await recorder.add(result)
            told(result)

    log.info("%d tasks of up to %d cases for workers of kind %s", len(portions), compute.cases_per_task, compute.kind)
    run_in_loop(run())
    used = fan_out.used
    return used.report(), bool(used.lost_workers or (used.unsent_runs and not workers.keeps_traces))
