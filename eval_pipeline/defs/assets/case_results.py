"""`case_results`, one partition per case, and `experiment`, the record they belong to.

One step makes both. A partition is reported by an event of its own as soon as its results are durable, so that a
run that ends early keeps what it finished; Dagster then sees no output of `case_results`, and would skip every asset
that waits for one. `experiment` is that output: unpartitioned, made when all cases of the run are done, and what
`experiment_summary` waits for.
"""

from collections.abc import Collection, Iterator
from typing import Any

import dagster as dg
from pydantic import ConfigDict

from eval_pipeline.analysis.baseline import baseline_of
from eval_pipeline.dagster_ext.partition_checks import partitioned_check_spec
from eval_pipeline.dagster_ext.terminal_runs import interrupt_cancels
from eval_pipeline.defs.assets.evaluating import ends_launch, evaluate_share
from eval_pipeline.defs.assets.partition_health import read_partition_health, up_to_date_check
from eval_pipeline.defs.assets.reported import PartitionReports
from eval_pipeline.defs.assets.tracing import check_once, traced_metadata
from eval_pipeline.defs.assets.upstream import (
    BACKFILL_TAG,
    CASE_PASSED,
    CASE_RESULTS,
    EXPERIMENT_ASSET,
    SHARED_CONTEXT,
    TEST_CASES,
    asset_group,
    asset_key,
    latest,
    launch_id,
)
from eval_pipeline.defs.compute_logs import private_compute_logs
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.metadata import CONTEXT_ID, DATASET_VERSION, experiment_metadata, throughput_metadata
from eval_pipeline.defs.partitions import cases_partitions
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.models.limits.throughput import ThroughputReport
from eval_pipeline.pipeline.begin import ExperimentInputs, OpenExperiment, begin_or_join
from eval_pipeline.pipeline.claims import claim_cases
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.pipeline.run import ChosenCases, ExperimentRun, begin_run
from eval_pipeline.redaction.logs import set_log_redactor
from eval_pipeline.results.experiment_record import experiment_name
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import LAST_PASSED, Suite
from eval_pipeline.targets.opening import target_version

_MOST_NAMED = 8


class CaseResultsConfig(dg.Config):
    """What a run may choose."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    cases: list[str] | None = None
    """Case ids to evaluate, of those in the run's partitions; all of them by default."""
    repetitions: int | None = None
    """Attempts at each case; the suite's number by default."""
    retry_errors: bool = False
    """Whether attempts of this experiment that ended in an error are made again; skipped ones always are."""
    reuse: str | None = None
    """`unchanged` reuses finished results of earlier experiments of which nothing has changed; `never` does not."""


def case_results_op_name(suite: str) -> str:
    """The name under which run config addresses the step."""
    return f"{suite}__{CASE_RESULTS}"


def build_case_results(suite: Suite) -> dg.AssetsDefinition:
    """The assets `case_results` and `experiment` of a suite."""
    key, experiment_key = asset_key(suite, CASE_RESULTS), asset_key(suite, EXPERIMENT_ASSET)
    owners = list(suite.spec.owners)

    @dg.multi_asset(
        name=case_results_op_name(suite.name),
        specs=[
            dg.AssetSpec(
                key,
                deps=[asset_key(suite, TEST_CASES), asset_key(suite, SHARED_CONTEXT)],
                partitions_def=cases_partitions(suite.name),
                skippable=True,
                group_name=asset_group(suite),
                kinds={suite.spec.target.kind, "parquet"},
                owners=owners,
                code_version=target_version(suite),
                description="Every attempt at every case, evaluated on the shared context; a partition per case.",
            ),
            dg.AssetSpec(
                experiment_key,
                deps=[key],
                skippable=True,
                group_name=asset_group(suite),
                kinds={"json"},
                owners=owners,
                description="The record that pins what an evaluation evaluates; all runs of a launch share it.",
            ),
        ],
        check_specs=[
            partitioned_check_spec(
                CASE_PASSED,
                asset=key,
                partitions_def=cases_partitions(suite.name),
                description="Every attempt at the case passed. Written with the partition, for each of them.",
            )
        ],
        backfill_policy=dg.BackfillPolicy.multi_run(suite.spec.evaluation.max_cases_per_run),
        can_subset=True,
        pool=suite.spec.evaluation.pool,
    )
    def case_results(
        context: dg.AssetExecutionContext,
        config: CaseResultsConfig,
        eval_store: StoreResource,
        eval_langsmith: LangSmithResource,
        eval_progress: dg.ResourceParam[Progress],
    ) -> Iterator[dg.MaterializeResult[None]]:
        evaluated: dict[str, Any] = {}
        traced: dict[str, Any] = {}
        ended = True
        with interrupt_cancels(context), errors_as_failures(), private_compute_logs(context):
            opened, settings = eval_store.open(), eval_langsmith.settings(eval_store)
            set_log_redactor(eval_langsmith.redactor())
            check_once(context, settings, eval_progress)
            evaluates = key in context.selected_asset_keys
            case_ids = _chosen_ids(context, config, suite.name) if evaluates else set()
            experiment = _begin_or_join(context, suite, opened, config, settings, cases=len(case_ids))
            if evaluates:
                evaluated, traced, ended = _evaluate(context, experiment, case_ids, config, eval_progress)
                if context.job_name != job_name(suite.name):
                    # A run of the UI plans the check, and skips its step: the partitions are reported by events.
                    health = read_partition_health(context, suite, opened, settings)
                    report = up_to_date_check(health, suite, dg.AssetCheckEvaluation)
                    context.instance.report_runless_asset_event(report)
        # What waits for it is skipped without it: the summary is of whole experiments.
        if ended and experiment_key in context.selected_asset_keys:
            metadata = {**traced, **experiment_metadata(experiment.record, opened), **evaluated}
            yield dg.MaterializeResult(asset_key=experiment_key, metadata=metadata)

    return case_results


def _chosen_ids(context: dg.AssetExecutionContext, config: CaseResultsConfig, suite: str) -> set[str]:
    """The ids of the cases to evaluate.

    Raises:
        InputError: the run was launched without partitions, which Dagster allows.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        fix = f"choose partitions, or launch the job evaluate_all_{suite}, which registers them"
        raise InputError(Problem(message="the run has no partitions, so there is no case to evaluate", fix=fix))
    keys = set(context.partition_keys)
    return keys if config.cases is None else keys & set(config.cases)


def _begin_or_join(
    context: dg.AssetExecutionContext,
    suite: Suite,
    store: Store,
    config: CaseResultsConfig,
    settings: LangSmithSettings,
    *,
    cases: int,
) -> OpenExperiment:
    """The experiment of the run's launch; begun on what the assets before this one have now.

    Raises:
        ExperimentConflictError: the record pins what this run cannot provide.
        MissingUpstreamError: there are no cases yet, or no context.
        InputError: a prompt is missing, or lost a variable.
    """

    def inputs() -> ExperimentInputs:
        return ExperimentInputs(
            dataset_version=latest(context, suite, TEST_CASES, DATASET_VERSION),
            context_id=latest(context, suite, SHARED_CONTEXT, CONTEXT_ID),
            cases=cases,
        )

    run, launched = context.run, launch_id(context)
    return begin_or_join(
        store,
        suite,
        experiment_name(suite.name, launched),
        inputs,
        settings=settings,
        run_id=run.run_id,
        repetitions=config.repetitions or suite.spec.repetitions,
        launched_by={"launch": launched, "run": run.run_id, "job": run.job_name},
    )


def _evaluate(
    context: dg.AssetExecutionContext,
    experiment: OpenExperiment,
    case_ids: set[str],
    config: CaseResultsConfig,
    progress: Progress,
) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """Evaluate the run's cases.

    Returns:
        Metadata of `experiment` on its calls and on its traces, and whether this run ends its launch.
    """
    suite, record = experiment.suite, experiment.record
    if suite.spec.baseline_name not in (None, LAST_PASSED):
        baseline_of(experiment.store, record, suite.spec.baseline_name)  # raises before anything is paid for
    evaluator, cases = experiment.evaluator(), ChosenCases.of(experiment, case_ids)
    _require_cases(context, cases, case_ids)
    reuse, run_id = _reuses(suite, config), context.run.run_id
    claimed = [case.id for case in cases.chosen]
    with claim_cases(experiment.store, record.suite, record.experiment, run_id=run_id, cases=claimed) as claim:
        run = begin_run(
            experiment,
            evaluator,
            cases,
            run_id=run_id,
            claim=claim,
            retry_errors=config.retry_errors,
            # Other runs of a backfill evaluate the other cases.
            expect_all_cases=BACKFILL_TAG in context.run.tags,
            warn=context.log.warning,
        )
        calls = _evaluated(context, run, suite, reuse=reuse, progress=progress)
    traced = {} if run.traced is None else traced_metadata(run.traced)
    return throughput_metadata(calls), traced, ends_launch(context, run)


def _require_cases(context: dg.AssetExecutionContext, cases: ChosenCases, case_ids: Collection[str]) -> None:
    """Warn of partitions that are no cases, such as those of removed ones.

    Raises:
        InputError: none of the partitions is a case.
    """
    unknown = sorted(set(case_ids) - {case.id for case in cases.chosen})
    if not unknown:
        return
    named = f"{', '.join(unknown[:_MOST_NAMED])}{' …' if len(unknown) > _MOST_NAMED else ''}"
    message = f"no case of the dataset has the id of the partition: {named}"
    if not cases.chosen:
        fix = "materialize the partition of a case, or add the case to the suite and materialize test_cases"
        raise InputError(Problem(message=message, fix=fix))
    context.log.warning("%s; nothing is evaluated there", message)


def _evaluated(
    context: dg.AssetExecutionContext, run: ExperimentRun, suite: Suite, *, reuse: bool, progress: Progress
) -> ThroughputReport:
    with run:
        reports = PartitionReports(context, asset_key(suite, CASE_RESULTS), case_results_op_name(suite.name), run)
        return evaluate_share(context, run, reports, reuse=reuse, progress=progress)


def _reuses(suite: Suite, config: CaseResultsConfig) -> bool:
    reuse = suite.spec.evaluation.reuse if config.reuse is None else config.reuse
    if reuse not in ("never", "unchanged"):
        raise InputError(Problem(message=f"{reuse!r} is no way to reuse results", fix="`never` or `unchanged`"))
    return reuse == "unchanged"
