"""`variant_comparison`: the variants of a suite on the same cases and context, an experiment each, and which one wins.

It is no part of the nightly chain: it is in a group of its own, and materialized on demand by the job
`compare_variants_<suite>`.
"""

import dagster as dg
from pydantic import ConfigDict

from eval_pipeline.dagster_ext.terminal_runs import interrupt_cancels
from eval_pipeline.defs.assets.tracing import check_once, comparison_links, variant_links_metadata
from eval_pipeline.defs.assets.upstream import (
    SHARED_CONTEXT,
    TEST_CASES,
    VARIANT_COMPARISON,
    asset_group,
    asset_key,
    latest,
    launch_id,
)
from eval_pipeline.defs.compute_logs import private_compute_logs
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.metadata import CONTEXT_ID, DATASET_VERSION, variants_metadata
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.reports import publish_report
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.promotion.decisions import with_commit_variant
from eval_pipeline.redaction.logs import set_log_redactor
from eval_pipeline.results.experiment_record import experiment_name
from eval_pipeline.store.layout import variants_page_key
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.dataset.stored import stored_cases, written_cases
from eval_pipeline.suite.metrics import OF_ATTEMPTS, require_metric
from eval_pipeline.suite.suite import Suite
from eval_pipeline.variants.comparing import compare_as_planned
from eval_pipeline.variants.launch import Launch
from eval_pipeline.variants.links import links_of
from eval_pipeline.variants.variant import variants_of
from eval_pipeline.variants.variant_plan import VariantPlan, find_plan, pin_plan


class VariantComparisonConfig(dg.Config):
    """What a run may choose; one that resumes a comparison keeps its choices."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    variants: list[str] | None = None
    """Names of `variants:` in suite.yaml; all by default."""
    prompt_commit: str | None = None
    """A commit of the target's prompt, which then is the one variant."""
    cases: list[str] | None = None
    """Case ids; all by default."""
    repetitions: int | None = None
    """Attempts at each case; the suite's number by default."""
    metric: str = "pass_rate"
    """What they are compared by: `pass_rate`, `score`, or an assertion's name."""
    halving: bool = False
    """Whether variants that cannot win are dropped on the way."""
    retry_errors: bool = False
    """Whether attempts that ended in an error are made again, where a comparison is resumed."""


def variant_comparison_op_name(suite: str) -> str:
    """The name under which run config addresses the step."""
    return f"{suite}__{VARIANT_COMPARISON}"


def variants_group(suite: Suite) -> str:
    """The asset group of what compares and promotes a suite's variants."""
    return f"{asset_group(suite)}_variants"


def build_variant_comparison(suite: Suite) -> dg.AssetsDefinition:
    """The asset `variant_comparison` of a suite that has variants, or whose prompt's commits are compared."""
    named = ", ".join(variant.name for variant in suite.spec.variants) or "commits of its prompt"

    @dg.asset(
        key=asset_key(suite, VARIANT_COMPARISON),
        deps=[asset_key(suite, TEST_CASES), asset_key(suite, SHARED_CONTEXT)],
        group_name=variants_group(suite),
        kinds={suite.spec.target.kind, "json"},
        owners=list(suite.spec.owners),
        code_version="1",
        pool=suite.spec.evaluation.pool,
        description=f"The suite as it stands and its variants ({named}) on the same cases: which one is better.",
    )
    def variant_comparison(
        context: dg.AssetExecutionContext,
        config: VariantComparisonConfig,
        eval_store: StoreResource,
        eval_langsmith: LangSmithResource,
        eval_progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult[None]:
        with interrupt_cancels(context), errors_as_failures(), private_compute_logs(context):
            opened, settings = eval_store.open(), eval_langsmith.settings(eval_store)
            set_log_redactor(eval_langsmith.redactor())
            check_once(context, settings, eval_progress)
            varied = suite if config.prompt_commit is None else with_commit_variant(suite, config.prompt_commit)
            plan = _plan(context, varied, opened, config)
            run = context.run
            launch = Launch(
                plan=plan,
                store=opened,
                settings=settings,
                run_id=run.run_id,
                launched_by={"run": run.run_id, "job": run.job_name},
                retry_errors=config.retry_errors,
                progress=eval_progress,
            )
            comparison = compare_as_planned(varied, launch)
            links, first = links_of(opened, comparison), comparison_links(opened, comparison)
            page = opened.get(variants_page_key(suite.name, comparison.name))
            served = None if page is None or not links else publish_report(settings, comparison.name, page.decode())
        context.log.info("%s", comparison.verdict)
        return dg.MaterializeResult(
            metadata={**first, **variants_metadata(comparison, opened, served), **variant_links_metadata(links)}
        )

    return variant_comparison


def _plan(
    context: dg.AssetExecutionContext, suite: Suite, store: Store, config: VariantComparisonConfig
) -> VariantPlan:
    """The plan of this run's launch, written now if there is none."""
    launched = launch_id(context)
    name = experiment_name(suite.name, launched)
    there = find_plan(store, suite.name, name)
    if there is not None:
        return there
    version = latest(context, suite, TEST_CASES, DATASET_VERSION)
    if config.metric not in OF_ATTEMPTS:
        cases = written_cases(store, suite, version)
        require_metric(config.metric, suite.spec.assertions, cases, suite.facts(), field="metric")
    return pin_plan(
        store,
        VariantPlan(
            name=name,
            suite=suite.name,
            launched=launched,
            created_at=timestamp(),
            variants=tuple(variant.name for variant in variants_of(suite, config.variants)[1:]),
            cases=_cases(store, suite, version, config),
            repetitions=config.repetitions or suite.spec.repetitions,
            metric=config.metric,
            halving=config.halving,
            dataset_version=version,
            context_id=latest(context, suite, SHARED_CONTEXT, CONTEXT_ID),
        ),
    )


def _cases(store: Store, suite: Suite, version: str, config: VariantComparisonConfig) -> tuple[str, ...]:
    there = [case.id for case in stored_cases(store, suite.name, version)]
    if config.cases is None:
        return tuple(there)
    unknown = sorted(set(config.cases) - set(there))
    if unknown or not config.cases:
        named = f"there is no case {unknown[0]!r}" if unknown else "no case is chosen"
        raise InputError(Problem(message=named, fix="correct `cases`, or leave it out", field="cases"))
    return tuple(case_id for case_id in there if case_id in set(config.cases))
