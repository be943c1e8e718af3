"""`case_results`, one partition per case, and `experiment`, the record they belong to.

Both are made by one step. A partition is reported by an event of its own as soon as its results are durable, so that a
run that ends early keeps what it finished; Dagster then sees no output of `case_results`, and would skip every asset
that waits for one. `experiment` is that output: unpartitioned, made when all cases of the run are done, and what
`experiment_summary` waits for.
"""

from collections.abc import Iterator
from typing import Any, Literal

import dagster as dg

from eval_pipeline.analysis.baseline import baseline_of
from eval_pipeline.defs.assets.evaluating import ends_launch, evaluate_share
from eval_pipeline.defs.assets.pinning import pinned_experiment
from eval_pipeline.defs.assets.share import Share
from eval_pipeline.defs.assets.tracing import check_once, traced_metadata
from eval_pipeline.defs.assets.upstream import (
    BACKFILL_TAG,
    CASE_RESULTS,
    EXPERIMENT_ASSET,
    SHARED_CONTEXT,
    TEST_CASES,
    asset_key,
)
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.metadata import experiment_metadata, throughput_metadata
from eval_pipeline.defs.partitions import cases_partitions
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.pipeline.evaluator import evaluator_of
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.pipeline.trace_run import ExperimentTracing, begin_tracing
from eval_pipeline.prompts.suite_prompts import SuitePrompts
from eval_pipeline.redaction.logs import set_log_redactor
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import written_cases
from eval_pipeline.suite.suite import LAST_PASSED, Suite
from eval_pipeline.targets.opening import target_version
from eval_pipeline.tracing.shape.unified import UnifiedTrace


class CaseResultsConfig(dg.Config):
    """What a run may choose."""

    cases: list[str] | None = None
    """Case ids to evaluate, of those in the run's partitions; all of them by default."""
    repetitions: int | None = None
    """Attempts at each case; the suite's number by default."""
    retry_errors: bool = False
    """Whether attempts of this experiment that erred are made again; those that were skipped always are."""
    reuse: str | None = None
    """`unchanged` carries finished results of earlier experiments of which nothing has changed; `never` does not."""


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
        pool=suite.spec.evaluation.pool,
    )
    def case_results(
        context: dg.AssetExecutionContext,
        config: CaseResultsConfig,
        store: StoreResource,
        langsmith: LangSmithResource,
        progress: dg.ResourceParam[Progress],
    ) -> Iterator[dg.MaterializeResult[None]]:
        traced: dict[str, Any] = {}
        ended = True
        with errors_as_failures():
            opened, settings = store.open(), langsmith.settings()
            set_log_redactor(langsmith.redactor())
            check_once(context, settings, progress)
            evaluates = key in context.selected_asset_keys
            wanted = _wanted(context, config) if evaluates else set()
            repetitions = config.repetitions or suite.spec.repetitions
            found = pinned_experiment(context, suite, opened, repetitions, settings=settings, cases=len(wanted))
            record = found.record
            if evaluates:
                if suite.spec.baseline not in (None, LAST_PASSED):
                    baseline_of(opened, record, suite.spec.baseline)  # raises before anything is paid for
                share = _share(context, suite, opened, record, wanted, found.prompts, settings=settings, config=config)
                traced = _evaluate(share, found.begun, progress)
                ended = ends_launch(share)
        # What waits for it is skipped without it: the summary is of whole experiments.
        if ended and experiment_key in context.selected_asset_keys:
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


def _share(
    context: dg.AssetExecutionContext,
    suite: Suite,
    store: Store,
    record: ExperimentRecord,
    wanted: set[str],
    prompts: SuitePrompts,
    *,
    settings: LangSmithSettings,
    config: CaseResultsConfig,
) -> Share:
    return Share(
        context=context,
        key=asset_key(suite.name, CASE_RESULTS),
        step_key=case_results_op_name(suite.name),
        record=record,
        store=store,
        evaluator=evaluator_of(suite, store, record, prompts).configured(settings),
        cases=written_cases(store, suite, record.dataset_version, wanted),
        settings=settings,
        retry_errors=config.retry_errors,
        reuse=_reuse(suite, config),
    )


def _reuse(suite: Suite, config: CaseResultsConfig) -> Literal["never", "unchanged"]:
    match config.reuse:
        case None:
            return suite.spec.evaluation.reuse
        case "never" | "unchanged":
            return config.reuse
        case other:
            raise InputError(Problem(message=f"{other!r} is no way to reuse results", fix="`never` or `unchanged`"))


def _evaluate(share: Share, begun: UnifiedTrace | None, progress: Progress) -> dict[str, Any]:
    """Evaluate a run's share, traced; returns what is to be said of it."""
    tracing = _begin_tracing(share, begun) if share.settings.destinations else None
    try:
        called = evaluate_share(share, progress=progress, tracing=tracing)
    finally:
        # Also when the run ends in an error: what is finished is kept.
        traced = None if tracing is None else tracing.finish()
    return {**throughput_metadata(called), **({} if traced is None else traced_metadata(traced))}


def _begin_tracing(share: Share, begun: UnifiedTrace | None) -> ExperimentTracing | None:
    run = share.context.run
    return begin_tracing(
        share.settings,
        suite=share.evaluator.suite.spec,
        record=share.record,
        dataset=share.dataset,
        cases=len(share.dataset) if BACKFILL_TAG in run.tags else len(share.cases),
        context=share.evaluator.context,
        store=share.store,
        run_id=run.run_id,
        opened=begun,
    )
