"""One run's share of an experiment: what is left to make is made, recorded and reported, whoever began it.

finished before, and reported        nothing
finished before, and not reported    reported: its process died in between
not finished                         evaluated
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import dagster as dg

from eval_pipeline.dagster_ext.partition_events import PartitionEvents
from eval_pipeline.defs.assets.fanning_out import fan_out_share, plan_share
from eval_pipeline.defs.assets.reported import reported_cases
from eval_pipeline.defs.assets.share import Share
from eval_pipeline.defs.assets.tracing import case_trace_metadata
from eval_pipeline.defs.assets.upstream import SHARE_TAG
from eval_pipeline.defs.assets.versions import versions_of
from eval_pipeline.defs.metadata import case_metadata
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.models.limits.run import Throughput, ThroughputReport
from eval_pipeline.pipeline.fan_in import claim_end, everything_done
from eval_pipeline.pipeline.make_attempts import make_attempts
from eval_pipeline.pipeline.plan import write_plan
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.pipeline.restore_rows import restore_rows
from eval_pipeline.pipeline.reuse import find_unchanged, unchanged_results
from eval_pipeline.pipeline.trace_run import ExperimentTracing
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.progress import Standing, standing_of
from eval_pipeline.results.result_log import ResultLog, all_keys, results_of, set_unreadable_aside
from eval_pipeline.suite.spec.compute import LocalCompute
from eval_pipeline.targets.opening import target_version
from eval_pipeline.tracing.shape.restored_trace import with_row
from eval_pipeline.user_code.loop import run_in_loop

Planned = Mapping[str, Sequence[Attempt]]
"""By case, the attempts at it."""


def ends_launch(share: Share) -> bool:
    """Whether this run has nobody to wait for, or all others of its launch have done their shares."""
    run = share.context.run
    if SHARE_TAG not in run.tags:
        return True
    evaluator, repetitions = share.evaluator, share.record.repetitions
    planned = {case.id: [each.number for each in evaluator.attempts(case, repetitions)] for case in share.dataset}
    if not everything_done(share.store, share.record, planned):
        share.context.log.info("other shares of this launch are not done: the last of them makes the summary")
        return False
    return claim_end(share.store, share.record, run.root_run_id or run.run_id)


def evaluate_share(share: Share, *, progress: Progress, tracing: ExperimentTracing | None) -> ThroughputReport:
    """Do what is left of a run's share. What is finished when something goes wrong is kept.

    Returns:
        How the run called its models.

    Raises:
        InfrastructureError: the world around us failed.
    """
    # Whatever a worker writes from now on is new, be it that the standing has it too.
    known = all_keys(share.store, share.record.suite, share.record.experiment)
    standing = _standing(share)
    evaluator = share.evaluator if tracing is None else replace(share.evaluator, tracer=tracing.tracer)
    planned = {case.id: evaluator.attempts(case, share.record.repetitions) for case in share.cases}
    left = [attempt for found in planned.values() for attempt in found if _key(attempt) not in standing.finished]
    total = sum(map(len, planned.values()))
    if tracing is not None and standing.finished:
        _restore(share, tracing, standing)
    unreported = _unreported(share, planned, standing)
    made, unchanged = _carried(share, left, tracing)
    code_version = target_version(share.evaluator.suite)
    progress.begin(len(left))

    def report(cases: Sequence[Sequence[CaseResult]]) -> None:
        # What was skipped is not there yet: a run that resumes makes it.
        made = [results for results in cases if all(result.status != "skipped" for result in results)]
        events.report([_materialization(share.key, results, tracing, code_version=code_version) for results in made])

    events = PartitionEvents(
        share.context,
        step_key=share.step_key,
        expected=len(unreported),
        reported=lambda cases: _reported(share, cases, run_id=share.context.run.run_id),
    )
    recorder = ResultRecorder(
        ResultLog(
            share.store, suite=share.record.suite, experiment=share.record.experiment, run_id=share.context.run.run_id
        ),
        attempts={case_id: len(found) for case_id, found in planned.items()},
        report=report,
        durable=(lambda _results: None) if tracing is None else tracing.tracer.durable,
        earlier=_earlier(share, planned, standing, unreported),
    )
    compute, traces_lost = evaluator.suite.spec.compute, False
    with recorder:
        run_in_loop(_record(unchanged, recorder, progress))
        if isinstance(compute, LocalCompute):
            called = _make_here(evaluator, made, recorder, told=progress.result)
        else:
            portions = plan_share(share, compute, made, finished=standing.finished, tracing=tracing)
            told = progress.result
            called, traces_lost = fan_out_share(share, compute, portions, recorder, told=told, known=known)
    if tracing is not None and traces_lost:
        _restore(share, tracing, standing_of(share.store, share.record))
    share.context.log.info(
        "%d attempts at %d cases in experiment %s; %d were carried from earlier ones, %d finished before",
        len(made),
        len(planned),
        share.record.experiment,
        len(left) - len(made),
        total - len(left),
    )
    return called


async def _record(results: Iterable[CaseResult], recorder: ResultRecorder, progress: Progress) -> None:
    for result in results:
        await recorder.add(result)
        progress.result(result)


def _make_here(
    evaluator: CaseEvaluator,
    attempts: Sequence[Attempt],
    recorder: ResultRecorder,
    *,
    told: Callable[[CaseResult], None],
) -> ThroughputReport:
    throughput = Throughput.of(evaluator.suite, experiment=evaluator.pins.experiment)
    with contextlib.closing(throughput):
        run_in_loop(make_attempts(evaluator, attempts, recorder=recorder, throughput=throughput, told=told))
    return throughput.report()


def _key(attempt: Attempt) -> tuple[str, int]:
    return attempt.case.id, attempt.number


def _standing(share: Share) -> Standing:
    record, run_id = share.record, share.context.run.run_id
    case_ids = [case.id for case in share.cases]
    write_plan(share.store, record.suite, record.experiment, run_id=run_id, cases=case_ids)
    for uri in set_unreadable_aside(share.store, record.suite, record.experiment, run_id=run_id):
        share.context.log.warning("%s cannot be read: the attempts in it are made again", uri)
    return standing_of(share.store, record, retry_errors=share.retry_errors)


def _restore(share: Share, tracing: ExperimentTracing, standing: Standing) -> None:
    restored = restore_rows(
        share.settings, tracing, record=share.record, store=share.store, standing=standing, dataset=share.dataset
    )
    if restored:
        share.context.log.info("%d rows were finished before and not sent: they are sent now", restored)


def _unreported(share: Share, planned: Planned, standing: Standing) -> set[str]:
    """The cases that need an event, of this run or already."""
    whole = standing.complete({case_id: [each.number for each in found] for case_id, found in planned.items()})
    return planned.keys() - _reported(share, whole)


def _reported(share: Share, case_ids: Iterable[str], *, run_id: str | None = None) -> set[str]:
    return reported_cases(share.context.instance, share.key, share.record, case_ids, run_id=run_id)


def _carried(
    share: Share, left: Sequence[Attempt], tracing: ExperimentTracing | None
) -> tuple[Sequence[Attempt], Iterator[CaseResult]]:
    """The attempts to be made, and the results that stand for the others."""
    if share.reuse == "never":
        return left, iter(())
    wanted = {_key(attempt): share.evaluator.fingerprint(attempt.case) for attempt in left}
    found = find_unchanged(share.store, share.record, wanted)
    known = set().union(*found.values())
    results = unchanged_results(share.store, share.record, found, wanted)
    said = {attempt.case.id: [turn.user for turn in attempt.case.turns] for attempt in left}
    # Cases of a unified trace are no rows.
    if tracing is not None and share.record.trace_headers is None:
        results = (with_row(tracing.tracer, result, said[result.case_id]) for result in results)
    return [attempt for attempt in left if _key(attempt) not in known], results


def _earlier(share: Share, planned: Planned, standing: Standing, unreported: set[str]) -> Iterator[CaseResult]:
    """Finished results of the cases that are still to be reported; read when they are asked for, by the recorder."""
    wanted = {
        _key(attempt) for case_id in unreported for attempt in planned[case_id] if _key(attempt) in standing.finished
    }
    if not wanted:
        return
    found: dict[tuple[str, int], CaseResult] = {}
    for result in results_of(share.store, share.record.suite, share.record.experiment, wanted):
        known = found.get((result.case_id, result.attempt))
        if known is None or known.started_at < result.started_at:
            found[result.case_id, result.attempt] = result
    yield from found.values()


def _materialization(
    key: dg.AssetKey, results: Sequence[CaseResult], tracing: ExperimentTracing | None, *, code_version: str
) -> dg.AssetMaterialization:
    traced = {} if tracing is None else case_trace_metadata(tracing.session, results)
    return dg.AssetMaterialization(
        key,
        partition=results[0].case_id,
        metadata={**case_metadata(results), **traced},
        tags=versions_of(key.path[0], results, code_version=code_version),
    )
