"""The last state of a state machine: the verdict on an experiment, whatever became of its workers."""

from pydantic import BaseModel, ConfigDict

from eval_pipeline.pipeline.begin import join_experiment
from eval_pipeline.pipeline.rescored_baseline import conclude_suite
from eval_pipeline.pipeline.run import ChosenCases, key_of
from eval_pipeline.pipeline.run_plan import planned_cases
from eval_pipeline.pipeline.trace_rows import restore_rows
from eval_pipeline.pipeline.trace_run import join_tracing
from eval_pipeline.results.experiment_record import read_experiment
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.layout import report_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.experiment.trace_status import read_traced


class SummariseRequest(BaseModel):
    """Which experiment."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    suite: str
    experiment: str
    store: str | None = None


class Summarised(BaseModel):
    """The outcome."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    experiment: str
    passed: bool
    """Whether every blocking gate is met, and nothing is missing."""
    pass_rate: float | None
    attempts: int
    status_counts: dict[str, int]
    missing: int
    """Planned attempts without a result: start the same launch again, which makes these."""
    report: str
    experiment_url: str | None


def summarise(request: SummariseRequest, suite: Suite, store: Store, settings: LangSmithSettings) -> Summarised:
    """Conclude an experiment. Rows that workers could not send are sent first, from their results.

    Raises:
        MissingUpstreamError: there is no such experiment.
        InfrastructureError: the store failed.
    """
    record = read_experiment(store, suite.name, request.experiment)
    experiment = join_experiment(store, suite, record, settings)
    evaluator = experiment.evaluator()
    log = ResultLogView.open(store, suite.name, record.experiment)
    cases = ChosenCases.of(experiment, set(planned_cases(store, suite.name, record.experiment)))
    planned = {key_of(each) for case in cases.chosen for each in evaluator.attempts(case, record.repetitions)}
    _restore_rows(cases, log)
    conclusion = conclude_suite(store, suite, record, settings)
    summary, missing = conclusion.verdict.summary, len(planned - log.finished.keys())
    return Summarised(
        suite=suite.name,
        experiment=record.experiment,
        passed=conclusion.verdict.passed and not missing,
        pass_rate=None if summary.pass_rate is None else summary.pass_rate.mean,
        attempts=summary.attempts,
        status_counts=dict(summary.status_counts),
        missing=missing,
        report=store.uri(report_key(suite.name, record.experiment)),
        experiment_url=conclusion.experiment_url,
    )


def _restore_rows(cases: ChosenCases, log: ResultLogView) -> None:
    experiment = cases.experiment
    record, settings, store = experiment.record, experiment.settings, experiment.store
    traced = read_traced(store, record.suite, record.experiment)
    if not settings.destinations or not any(run.runs_spooled or run.runs_dropped for run in traced):
        return
    tracing = join_tracing(
        settings,
        traced[0],
        suite=experiment.suite.spec,
        record=record,
        context=experiment.context,
        store=store,
        run_id="summarise",
        dataset_cases=len(cases.dataset),
    )
    try:
        restore_rows(settings, tracing, record=record, log=log, dataset=cases.dataset)
    finally:
        tracing.finish()
