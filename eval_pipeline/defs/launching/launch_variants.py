"""Running the job that compares a suite's variants through Dagster, in this process, on the instance the UI shows."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from eval_pipeline.defs.assets.upstream import LAUNCH_TAG, VARIANT_COMPARISON, asset_key
from eval_pipeline.defs.assets.variant_comparison import variant_comparison_op_name
from eval_pipeline.defs.build import build_definitions
from eval_pipeline.defs.jobs import variants_job_name
from eval_pipeline.defs.launching.cli_runs import being_run
from eval_pipeline.defs.launching.instance import databases_at
from eval_pipeline.defs.launching.launch import RunBrokenError, Stopped, cause_of
from eval_pipeline.defs.partitions import SUITE_TAG
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.errors import EvalPipelineError
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.results.experiment_record import experiment_name
from eval_pipeline.suite.suite import Suite
from eval_pipeline.variants.variant_comparison import VariantComparison, read_comparison
from eval_pipeline.variants.variant_plan import VariantPlan


@dataclass(frozen=True, kw_only=True)
class VariantsRequest:
    """What a command line asks to be compared."""

    variants: Sequence[str] | None = None
    """None for all."""
    cases: Sequence[str] | None = None
    """Ids; None for all."""
    repetitions: int | None = None
    metric: str = "pass_rate"
    halving: bool = False
    resumed: VariantPlan | None = None
    """The comparison to go on with; a new one by default."""
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
    """Run the job and read back what came out.

    Raises:
        EvalPipelineError: the run could not begin.
        RunBrokenError: it failed.
        Stopped: it was interrupted.
    """
    overrides = {
        "store": store,
        "langsmith": langsmith,
        "progress": dg.ResourceDefinition.hardcoded_resource(progress),
    }
    definitions = build_definitions(folders=[suite.folder], resource_overrides=overrides)
    job = definitions.resolve_job_def(variants_job_name(suite.name))
    home, run_id, resumed = Path(instance.root_directory), str(uuid.uuid4()), request.resumed
    name = experiment_name(suite.name, run_id) if resumed is None else resumed.name
    try:
        with being_run(home, name, run_id), databases_at(home):
            result = job.execute_in_process(
                run_config=_run_config(suite, request),
                instance=instance,
                run_id=run_id,
                tags={SUITE_TAG: suite.name, **({} if resumed is None else {LAUNCH_TAG: resumed.launched})},
                # What goes on needs neither cases nor context anew: the plan pins both.
                asset_selection=None if resumed is None else [asset_key(suite.name, VARIANT_COMPARISON)],
                raise_on_error=False,
            )
        if not result.success:
            raise cause_of(result)
    except EvalPipelineError as error:
        raise RunBrokenError(error, name) from error
    except KeyboardInterrupt as interrupt:
        raise Stopped(name) from interrupt
    return read_comparison(store.open(), suite.name, name)


def _run_config(suite: Suite, request: VariantsRequest) -> dict[str, Any]:
    config = {
        "variants": None if request.variants is None else list(request.variants),
        "cases": None if request.cases is None else list(request.cases),
        "repetitions": request.repetitions,
        "metric": request.metric,
        "halving": request.halving,
        "retry_errors": request.retry_errors,
    }
    given = {name: value for name, value in config.items() if value is not None}
    return {
        "ops": {variant_comparison_op_name(suite.name): {"config": given}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
