"""The tracing of one task, as part of an experiment that another process has begun.

Dataset and experiment are at the servers already, and the process that began them has written to the store where. Where
a server could not be reached then, the worker sets them up itself, as a run would.
"""

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.pipeline.run import ChosenCases
from eval_pipeline.pipeline.trace_run import ExperimentTracing, begin_tracing, join_tracing
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.experiment.trace_status import read_traced_run
from eval_pipeline.tracing.send.flush import with_spool_of
from eval_pipeline.workers.task import WorkerTask


def settings_of(task: WorkerTask) -> LangSmithSettings:
    """Where traces of a task go, what is redacted, and how long an attempt may take.

    Raises:
        InputError: a variable of the worker's environment cannot be used.
    """
    traced = {"mode": "off"} if task.tracing is None else task.tracing.settings()
    settings = LangSmithSettings.from_environment(
        **traced, **task.redaction.model_dump(), evaluation_timeout_seconds=task.evaluation_timeout_seconds
    )
    return settings if task.store is None else with_spool_of(settings, task.store)


def task_tracing(
    task: WorkerTask, cases: ChosenCases, *, context: SharedContext | None, run_id: str
) -> ExperimentTracing | None:
    """The tracing of a task; None where nothing is traced.

    Args:
        task: says how.
        cases: of the task, in their experiment.
        context: what cases read.
        run_id: stands where a run of Dagster has its id.
    """
    experiment = cases.experiment
    settings, record, store = experiment.settings, experiment.record, experiment.store
    if task.tracing is None or not settings.destinations:
        return None
    begun_by = task.tracing.begun_by
    announced = None if begun_by is None else read_traced_run(store, record.suite, record.experiment, begun_by)
    if announced is not None and announced.online:
        return join_tracing(
            settings,
            announced,
            suite=experiment.suite.spec,
            record=record,
            context=context,
            store=store,
            run_id=run_id,
            dataset_cases=task.tracing.dataset_cases,
        )
    return begin_tracing(
        settings,
        suite=experiment.suite.spec,
        record=record,
        dataset=cases.dataset,
        cases=task.tracing.dataset_cases,
        context=context,
        store=store,
        run_id=run_id,
    )
