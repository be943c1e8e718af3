"""What a run evaluates: the experiment of its launch."""

from eval_pipeline.defs.assets.upstream import SHARED_CONTEXT, TEST_CASES, Context, latest, launch_id
from eval_pipeline.defs.metadata import CONTEXT_ID, DATASET_VERSION
from eval_pipeline.pipeline.begin import Material, OpenExperiment, begin_or_join
from eval_pipeline.results.experiment_record import experiment_name
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite


def pinned_experiment(
    context: Context,
    suite: Suite,
    store: Store,
    repetitions: int | None,
    *,
    settings: LangSmithSettings,
    cases: int,
) -> OpenExperiment:
    """The experiment that this run begins or joins; begun on what its assets have now.

    Raises:
        ExperimentConflictError: the record pins what this run cannot provide.
        MissingUpstreamError: there are no cases yet, or no context.
        InputError: a prompt is missing, or lost a variable.
    """

    def material() -> Material:
        return Material(
            dataset_version=latest(context, suite.name, TEST_CASES, DATASET_VERSION),
            context_id=latest(context, suite.name, SHARED_CONTEXT, CONTEXT_ID),
            cases=cases,
        )

    run, launched = context.run, launch_id(context)
    return begin_or_join(
        store,
        suite,
        experiment_name(suite.name, launched),
        material,
        settings=settings,
        run_id=run.run_id,
        repetitions=repetitions,
        launched_by={"launch": launched, "run": run.run_id, "job": run.job_name},
    )
