"""`case_results`, one partition per case, and `experiment`, the record they belong to.

Both are made by one step. A partition is reported by an event of its own as soon as its results are durable, so that a
run that ends early keeps what it finished; Dagster then sees no output of `case_results`, and would skip every asset
that waits for one. `experiment` is that output: unpartitioned, made when all cases of the run are done, and what
`experiment_summary` waits for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from eval_pipeline.assets.failures import errors_as_failures
from eval_pipeline.assets.recording import Recorder
from eval_pipeline.assets.tracing import case_trace_metadata, traced_metadata
from eval_pipeline.assets.upstream import (
    BACKFILL_TAG,
    CASE_RESULTS,
    EXPERIMENT_ASSET,
    SHARED_CONTEXT,
    TEST_CASES,
    asset_key,
    latest,
    launch_id,
)
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.attempt import Evaluator, Pins
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.loop import run_in_loop
from eval_pipeline.evaluation.result import CaseResult
from eval_pipeline.evaluation.targets.opening import open_target, target_version
from eval_pipeline.experiment.record import ExperimentRecord, experiment_name, now, pin_experiment
from eval_pipeline.experiment.result_log import ResultLog
from eval_pipeline.experiment.tracing_run import begin_tracing, unified_trace
from eval_pipeline.metadata import CONTEXT_ID, DATASET_VERSION, case_metadata, experiment_metadata
from eval_pipeline.partitions import cases_partitions
from eval_pipeline.resources import LangSmithResource, Progress, StoreResource
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.stored_dataset import stored_cases
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.experiment_session import ExperimentSession
from eval_pipeline.tracing.settings import LangSmithSettings
from eval_pipeline.tracing.unified import UnifiedTrace


class CaseResultsConfig(dg.Config):
    """What a run may choose."""

    cases: list[str] | None = None
    """Case ids to evaluate, of those in the run's partitions; all of them by default."""
    repetitions: int | None = None
    """Attempts at each case; the suite's number by default."""


def case_results_op_name(suite: str) -> str:
    """The name under which run config addresses the step."""
    return f"{suite}__{CASE_RESULTS}"


def build_case_results(suite: Suite) -> dg.AssetsDefinition:
    """The assets `case_results` and `experiment` of a suite."""
    key, experiment_key = asset_key(suite.name, CASE_RESULTS), asset_key(suite.name, EXPERIMENT_ASSET)
    owners = list(suite.spec.owners)

    @dg.multi_asset(
        name=case_results_op_name(suite.name),
        specs=[
            dg.AssetSpec(
                key,
                deps=[asset_key(suite.name, TEST_CASES), asset_key(suite.name, SHARED_CONTEXT)],
                partitions_def=cases_partitions(suite.name),
                skippable=True,
                group_name=suite.name,
                kinds={"langgraph", "parquet"},
                owners=owners,
                code_version=target_version(suite),
                description="Every attempt at every case, evaluated on the shared context; a partition per case.",
            ),
            dg.AssetSpec(
                experiment_key,
                deps=[key],
                skippable=True,
                group_name=suite.name,
                kinds={"json"},
                owners=owners,
                description="The record that pins what an evaluation evaluates; all runs of a launch share it.",
            ),
        ],
        backfill_policy=dg.BackfillPolicy.multi_run(suite.spec.evaluation.max_cases_per_run),
        can_subset=True,
    )
    def case_results(
        context: dg.AssetExecutionContext,
        config: CaseResultsConfig,
        store: StoreResource,
        langsmith: LangSmithResource,
        progress: dg.ResourceParam[Progress],
    ) -> Iterator[dg.MaterializeResult[None]]:
        traced: dict[str, Any] = {}
        with errors_as_failures():
            opened, settings = store.open(), langsmith.settings()
            evaluates = key in context.selected_asset_keys
            wanted = _wanted(context, config) if evaluates else set()
            repetitions = config.repetitions or suite.spec.repetitions
            record, begun = _pinned(context, suite, opened, repetitions, settings=settings, cases=len(wanted))
            if evaluates:
                dataset = stored_cases(opened, suite.name, record.dataset_version)
                cases = [case for case in dataset if case.id in wanted]
                evaluator = _evaluator(suite, opened, record)
                tracing = begin_tracing(
                    settings,
                    record=record,
                    dataset=dataset,
                    cases=len(dataset) if BACKFILL_TAG in context.run.tags else len(cases),
                    context=evaluator.context,
                    store=opened,
                    run_id=context.run.run_id,
                    opened=begun,
                )
                session = None if tracing is None else tracing.session
                if tracing is not None:
                    evaluator = replace(evaluator, tracer=tracing.tracer)
                try:
                    _evaluate(
                        context,
                        evaluator,
                        cases,
                        record=record,
                        store=opened,
                        progress=progress,
                        session=session,
                    )
                finally:
                    # Also when the run ends in an error: what is finished is kept.
                    traced = {} if tracing is None else traced_metadata(tracing.finish())
        if experiment_key in context.selected_asset_keys:
            metadata = {**experiment_metadata(record, opened), **traced}
            yield dg.MaterializeResult(asset_key=experiment_key, metadata=metadata)

    return case_results


def _wanted(context: dg.AssetExecutionContext, config: CaseResultsConfig) -> set[str]:
    """The ids of the cases to evaluate.

    Raises:
        InputError: the run was launched without partitions, which Dagster cannot carry through.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        fix = "choose partitions, or use `Materialize all` on the asset group"
        raise InputError(Problem(message="the run has no partitions, so there is no case to evaluate", fix=fix))
    keys = set(context.partition_keys)
    return keys if config.cases is None else keys & set(config.cases)


def _pinned(
    context: dg.AssetExecutionContext,
    suite: Suite,
    store: Store,
    repetitions: int | None,
    *,
    settings: LangSmithSettings,
    cases: int,
) -> tuple[ExperimentRecord, UnifiedTrace | None]:
    """The record, and the experiment's one trace if this run is the one that begins it."""
    run = context.run
    launched = launch_id(context)
    wanted = ExperimentRecord(
        suite=suite.name,
        experiment=experiment_name(suite.name, launched),
        created_at=now(),
        dataset_version=latest(context, suite.name, TEST_CASES, DATASET_VERSION),
        context_id=latest(context, suite.name, SHARED_CONTEXT, CONTEXT_ID),
        target_version=target_version(suite),
        repetitions=repetitions,
        launched_by={"launch": launched, "run": run.run_id, "job": run.job_name},
    )
    # A context that cannot be opened is found before there is an experiment without results.
    begun = unified_trace(settings, wanted, _context(suite, store, wanted), cases=cases, run_id=run.run_id)
    if begun is not None:
        wanted = wanted.model_copy(update={"trace_headers": begun.headers})
    pinned = pin_experiment(store, wanted)
    return pinned, begun if pinned.trace_headers == wanted.trace_headers else None


def _context(suite: Suite, store: Store, record: ExperimentRecord) -> SharedContext | None:
    return None if record.context_id is None else SharedContext.open(store, suite.name, record.context_id)


def _evaluator(suite: Suite, store: Store, record: ExperimentRecord) -> Evaluator:
    pins = Pins(
        experiment=record.experiment,
        dataset_version=record.dataset_version,
        context_id=record.context_id,
        target_version=record.target_version,
        variant=record.variant,
    )
    return Evaluator(suite=suite, target=open_target(suite), context=_context(suite, store, record), pins=pins)


def _evaluate(
    context: dg.AssetExecutionContext,
    evaluator: Evaluator,
    cases: Sequence[Case],
    *,
    record: ExperimentRecord,
    store: Store,
    progress: Progress,
    session: ExperimentSession | None,
) -> None:
    planned = {case.id: evaluator.attempts(case, record.repetitions) for case in cases}
    total = sum(map(len, planned.values()))
    progress.begin(total)
    key = asset_key(record.suite, CASE_RESULTS)

    def report(results: Sequence[CaseResult]) -> None:
        traced = {} if session is None else case_trace_metadata(session, results)
        metadata = {**case_metadata(results), **traced}
        context.log_event(dg.AssetMaterialization(key, partition=results[0].case_id, metadata=metadata))

    async def run() -> None:
        attempts = (attempt for found in planned.values() for attempt in found)
        concurrency = evaluator.suite.spec.evaluation.max_concurrency
        async for result in evaluate_all(evaluator, attempts, max_concurrency=concurrency):
            await recorder.add(result)
            progress.result(result)

    log = ResultLog(store, suite=record.suite, experiment=record.experiment, run_id=context.run.run_id)
    with Recorder(log, attempts={name: len(found) for name, found in planned.items()}, report=report) as recorder:
        run_in_loop(run())
    context.log.info("%d attempts at %d cases in experiment %s", total, len(cases), record.experiment)
