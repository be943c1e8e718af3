"""What a run evaluates: the record of its launch's experiment.

Belongs here: from a Dagster run to that. Does not belong here: evaluating (`evaluating.py`), the record itself
(`eval_pipeline.experiment.record`), and the evaluator that it asks for (`eval_pipeline.experiment.evaluator`).
"""

from eval_pipeline.assets.upstream import SHARED_CONTEXT, TEST_CASES, Context, latest, launch_id
from eval_pipeline.evaluation.judging.pulled_corrections import corrections_now
from eval_pipeline.evaluation.targets.opening import target_version
from eval_pipeline.experiment.beginning import begin_experiment
from eval_pipeline.experiment.record import ExperimentRecord, experiment_name, find_experiment, now, pin_experiment
from eval_pipeline.metadata import CONTEXT_ID, DATASET_VERSION
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.prompts.suite_prompts import SuitePrompts
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.settings import LangSmithSettings
from eval_pipeline.tracing.unified import UnifiedTrace


def pinned_record(
    context: Context,
    suite: Suite,
    store: Store,
    repetitions: int | None,
    *,
    settings: LangSmithSettings,
    cases: int,
) -> tuple[ExperimentRecord, SuitePrompts, UnifiedTrace | None]:
    """The record, the prompts it pins, and the experiment's one trace if this run is the one that begins it.

    Raises:
        ExperimentConflictError: the record pins what this run cannot provide.
        MissingUpstreamError: there are no cases yet, or no context.
        InputError: a prompt is missing, or lost a variable.
    """
    run = context.run
    launched = launch_id(context)
    name = experiment_name(suite.name, launched)
    # One that is there decides: what has become of data and context since is nothing to it.
    there = find_experiment(store, suite.name, name)
    prompts = prompts_of(suite, settings, pinned=None if there is None else there.prompts)
    wanted = ExperimentRecord(
        suite=suite.name,
        experiment=name,
        created_at=now(),
        dataset_version=there.dataset_version if there else latest(context, suite.name, TEST_CASES, DATASET_VERSION),
        context_id=there.context_id if there else latest(context, suite.name, SHARED_CONTEXT, CONTEXT_ID),
        target_version=target_version(suite, prompts),
        prompts=prompts.pinned,
        corrections=corrections_now(suite, store),
        repetitions=repetitions,
        launched_by={"launch": launched, "run": run.run_id, "job": run.job_name},
    )
    if there is not None:
        return pin_experiment(store, wanted), prompts, None
    pinned, begun = begin_experiment(store, suite, wanted, settings=settings, cases=cases, run_id=run.run_id)
    return pinned, prompts, begun
