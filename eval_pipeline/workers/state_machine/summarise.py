"""The last state of a state machine: the verdict on an experiment, whatever became of its workers."""

from pydantic import BaseModel, ConfigDict

from eval_pipeline.pipeline.conclude import conclude
from eval_pipeline.pipeline.evaluator import context_of, evaluator_of
from eval_pipeline.pipeline.plan import planned_cases
from eval_pipeline.pipeline.restore_rows import restore_rows
from eval_pipeline.pipeline.trace_run import join_tracing
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.results.experiment_record import ExperimentRecord, read_experiment
from eval_pipeline.results.progress import Standing, standing_of
from eval_pipeline.results.traced_run import read_traced
from eval_pipeline.store.layout import report_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import written_cases
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.settings import LangSmithSettings


class SummariseRequest(BaseModel):
    """Which experiment."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    suite: str
    experiment: str
    store: str | None = None


class Summarised(BaseModel):
    """What it came to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    experiment: str
    passed: bool
    """Whether every blocking gate is met, and nothing is missing."""
    pass_rate: float | None
    attempts: int
    status_counts: dict[str, int]
    missing: int
    """Attempts that were to be made and have no result: start the same launch again, which makes these."""
    report: str
    experiment_url: str | None


def summarise(request: SummariseRequest, suite: Suite, store: Store, settings: LangSmithSettings) -> Summarised:
    """Conclude an experiment. Rows that workers could not send are sent first, from their results.

    Raises:
        MissingUpstreamError: there is no such experiment.
        InfrastructureError: the store failed.
    """
    record = read_experiment(store, suite.name, request.experiment)
    standing = standing_of(store, record)
    evaluator = evaluator_of(suite, store, record, prompts_of(suite, settings, pinned=record.prompts))
    undertaken = set(planned_cases(store, suite.name, record.experiment))
    cases = written_cases(store, suite, record.dataset_version, undertaken)
    planned = {(case.id, each.number) for case in cases for each in evaluator.attempts(case, record.repetitions)}
    _restore(suite, store, settings, record, standing)
    found = conclude(store, suite.spec, record, settings)
    summary, missing = found.verdict.summary, len(planned - standing.finished.keys())
    return Summarised(
        suite=suite.name,
        experiment=record.experiment,
        passed=found.verdict.passed and not missing,
        pass_rate=None if summary.pass_rate is None else summary.pass_rate.mean,
        attempts=summary.attempts,
        status_counts=dict(summary.status_counts),
        missing=missing,
        report=store.uri(report_key(suite.name, record.experiment)),
        experiment_url=found.experiment_url,
    )


def _restore(
    suite: Suite, store: Store, settings: LangSmithSettings, record: ExperimentRecord, standing: Standing
) -> None:
    traced = read_traced(store, suite.name, record.experiment)
    if not settings.destinations or not any(run.runs_spooled or run.runs_dropped for run in traced):
        return
    dataset = written_cases(store, suite, record.dataset_version)
    tracing = join_tracing(
        settings,
        traced[0],
        record=record,
        context=context_of(suite, store, record),
        store=store,
        run_id="summarise",
        dataset_cases=len(dataset),
    )
    restore_rows(settings, tracing, record=record, store=store, standing=standing, dataset=dataset)
    tracing.finish()
