"""Runs the job that compares the variants of a suite, and reads the comparison."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from eval_pipeline.defs.assets.upstream import LAUNCH_TAG, VARIANT_COMPARISON, asset_key
from eval_pipeline.defs.assets.variant_comparison import variant_comparison_op_name
from eval_pipeline.defs.jobs import variants_job_name
from eval_pipeline.defs.launching.execute import execute_job, resolve_job
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.results.experiment_record import experiment_name
from eval_pipeline.suite.suite import Suite
from eval_pipeline.variants.variant_comparison import VariantComparison, read_comparison
from eval_pipeline.variants.variant_plan import VariantPlan


@dataclass(frozen=True, kw_only=True)
class VariantsRequest:
    """Which variants to compare, and how."""

    variants: Sequence[str] | None = None
    """None for all."""
    cases: Sequence[str] | None = None
    """Ids; None for all."""
    repetitions: int | None = None
    metric: str = "pass_rate"
    halving: bool = False
    resumed: VariantPlan | None = None
    """The comparison to resume; None for a new one."""
    retry_errors: bool = False


def launch_variants(
    suite: Suite,
    *,
    request: VariantsRequest,
    store: StoreResource,
    langsmith: LangSmithResource,
    instance: dg.DagsterInstance,
    progress: Progress,
) -> VariantComparison:
    """Compare the variants and read the comparison.

    Raises:
        EvalPipelineError: the run could not start.
        RunFailedError: it failed.
        RunInterruptedError: it was interrupted.
    """
    job = resolve_job(suite, variants_job_name(suite.name), store=store, langsmith=langsmith, progress=progress)
    run_id, resumed = str(uuid.uuid4()), request.resumed
    name = experiment_name(suite.name, run_id) if resumed is None else resumed.name
    config = {
        "variants": None if request.variants is None else list(request.variants),
        "cases": None if request.cases is None else list(request.cases),
        "repetitions": request.repetitions,
        "metric": request.metric,
        "halving": request.halving,
        "retry_errors": request.retry_errors,
    }
    execute_job(
        job,
        suite=suite.name,
        experiment=name,
        run_id=run_id,
        instance=instance,
        op_config={variant_comparison_op_name(suite.name): config},
        tags={} if resumed is None else {LAUNCH_TAG: resumed.launched},
        # A resumed comparison needs neither cases nor context: its plan pins both.
        selection=None if resumed is None else [asset_key(suite, VARIANT_COMPARISON)],
        succeeded=lambda result: result.success,
    )
    return read_comparison(store.open(), suite.name, name)
