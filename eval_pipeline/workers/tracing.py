"""The tracing of one task, as part of an experiment that somebody else has begun.

Dataset and experiment are at the servers already, and who began them says so in the store. Where a server was away
then, the worker sets them up itself, as a run would.
"""

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.pipeline.trace_run import ExperimentTracing, begin_tracing, join_tracing
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.traced_run import read_traced_run
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import written_cases
from eval_pipeline.tracing.settings import LangSmithSettings
from eval_pipeline.workers.task import WorkerTask


def settings_of(task: WorkerTask) -> LangSmithSettings:
    """Where traces of a task go, and what is redacted.

    Raises:
        InputError: the worker's environment says something that cannot be used.
    """
    traced = {"mode": "off"} if task.tracing is None else task.tracing.settings()
    try:
        return LangSmithSettings.from_environment(**traced, **task.redaction.model_dump())
    except ValueError as error:
        fix = "mend LANGSMITH_… and EVAL_PIPELINE_… in the worker's environment"
        raise InputError(Problem(message=str(error), fix=fix)) from error


def task_tracing(
    task: WorkerTask,
    settings: LangSmithSettings,
    *,
    evaluator: CaseEvaluator,
    record: ExperimentRecord,
    store: Store,
    label: str,
) -> ExperimentTracing | None:
    """The tracing of a task; None where nothing is traced.

    Args:
        task: says how.
        settings: those of the task.
        evaluator: has the suite and the context.
        record: of the experiment.
        store: where counts are written.
        label: stands where a run of Dagster has its id.
    """
    if task.tracing is None or not settings.destinations:
        return None
    begun = task.tracing.begun_by
    traced = None if begun is None else read_traced_run(store, record.suite, record.experiment, begun)
    if traced is not None and traced.online:
        return join_tracing(
            settings,
            traced,
            record=record,
            context=evaluator.context,
            store=store,
            run_id=label,
            dataset_cases=task.tracing.dataset_cases,
        )
    return begin_tracing(
        settings,
        suite=evaluator.suite.spec,
        record=record,
        dataset=written_cases(store, evaluator.suite, record.dataset_version),
        cases=task.tracing.dataset_cases,
        context=evaluator.context,
        store=store,
        run_id=label,
    )
