"""Evaluates the cases of one run, records their results, and reports them as partitions.

For each case, by its state before the run:

    finished, and reported        nothing is done
    finished, and not reported    it is reported: the process ended in between
    not finished                  it is evaluated, or reused from an earlier experiment
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable

import dagster as dg

from eval_pipeline.defs.assets.reported import PartitionReports
from eval_pipeline.defs.assets.upstream import SHARE_TAG
from eval_pipeline.models.limits.throughput import Throughput, ThroughputReport
from eval_pipeline.pipeline.make_attempts import make_attempts
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.pipeline.reuse import ReusableAnswers
from eval_pipeline.pipeline.run import ExperimentRun
from eval_pipeline.pipeline.shares import claim_end, everything_done
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.suite.spec.compute import LocalCompute
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline.wording import statuses_in_words
from eval_pipeline.workers.dispatch.fan_out import fan_out


def evaluate_share(
    context: dg.AssetExecutionContext,
    run: ExperimentRun,
    reports: PartitionReports,
    *,
    reuse: bool,
    progress: Progress,
) -> ThroughputReport:
    """Do what is left of a run's share. What is finished when something goes wrong is kept.

    Args:
        context: of the step.
        run: has the share.
        reports: reports its partitions.
        reuse: whether results of earlier experiments stand for attempts that have not changed since.
        progress: is called during the evaluation.

    Returns:
        How the run called its models.

    Raises:
        InfrastructureError: something around the cases failed.
    """
    restored = run.restore_rows()
    attempts, reused = run.split_reusable() if reuse else (ReusableAnswers.none(run.evaluator, run.left), iter(()))
    progress.begin(len(run.left))
    statuses: Counter[str] = Counter()

    def on_result(result: CaseResult) -> None:
        statuses[result.status] += 1
        progress.result(result)

    compute, traces_lost = run.evaluator.suite.spec.compute, False
    with run.recorder(report=reports.report, earlier=reports.earlier_results()) as recorder:
        run_in_loop(_record(reused, recorder, on_result))
        if isinstance(compute, LocalCompute):
            calls = _make_here(run, attempts, recorder, on_result=on_result)
        else:
            fanned_out = fan_out(
                run, compute, attempts.attempts, recorder, reuse=reuse, on_result=on_result, log=context.log
            )
            calls, traces_lost = fanned_out.report, fanned_out.traces_lost
    if traces_lost:
        record = run.experiment.record
        restored += run.restore_rows(ResultLogView.open(run.experiment.store, record.suite, record.experiment))
    _log_outcome(context, run, attempts, restored, statuses)
    return calls


def ends_launch(context: dg.AssetExecutionContext, share: ExperimentRun) -> bool:
    """Whether this run is alone in its launch, or all other runs of the launch have done their shares."""
    run = context.run
    if SHARE_TAG not in run.tags:
        return True
    record, store = share.experiment.record, share.experiment.store
    attempts = {
        case.id: [each.number for each in share.evaluator.attempts(case, record.repetitions)]
        for case in share.cases.dataset
    }
    if not everything_done(store, record, attempts):
        context.log.info("other shares of this launch are not done: the last of them makes the summary")
        return False
    return claim_end(store, record, run.root_run_id or run.run_id)


async def _record(
    results: Iterable[CaseResult], recorder: ResultRecorder, on_result: Callable[[CaseResult], None]
) -> None:
    for result in results:
        await recorder.add(result)
        on_result(result)


def _make_here(
    run: ExperimentRun,
    attempts: ReusableAnswers,
    recorder: ResultRecorder,
    *,
    on_result: Callable[[CaseResult], None],
) -> ThroughputReport:
    throughput = Throughput.of(run.evaluator.suite, experiment=run.experiment.record.experiment)
    with contextlib.closing(throughput):
        run_in_loop(
            make_attempts(run.evaluator, attempts, recorder=recorder, throughput=throughput, on_result=on_result)
        )
    return throughput.report()


def _log_outcome(
    context: dg.AssetExecutionContext,
    run: ExperimentRun,
    attempts: ReusableAnswers,
    restored: int,
    statuses: Counter[str],
) -> None:
    if restored:
        context.log.info("%d rows of attempts finished before were missing at the server, and are sent again", restored)
    context.log.info(
        "%s: %d attempts at %d cases in experiment %s; %d were reused from earlier ones, %d finished before",
        statuses_in_words(statuses),
        len(attempts),
        len(run.planned),
        run.experiment.record.experiment,
        len(run.left) - len(attempts),
        sum(map(len, run.planned.values())) - len(run.left),
    )
