"""The cases of one run, as a context manager: the plan, what is finished, the traces and the recorder of results.

For example:

    with begin_run(experiment, experiment.evaluator(), ChosenCases.of(experiment), run_id="...") as run:
        restored = run.restore_rows()
        with run.recorder() as recorder:
            ...  # make `run.left`, and record each result
        run.traced
"""

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.pipeline.begin import OpenExperiment
from eval_pipeline.pipeline.claims import CaseClaim
from eval_pipeline.pipeline.record_results import ReportCases, ResultRecorder, ResultWriter
from eval_pipeline.pipeline.reuse import ReusableAnswers, as_reused, find_answers, find_reusable
from eval_pipeline.pipeline.run_plan import write_plan
from eval_pipeline.pipeline.trace_rows import restore_rows
from eval_pipeline.pipeline.trace_run import FLUSH_SECONDS, ExperimentTracing, begin_tracing
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.result_log import AttemptKey, ResultLog
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.stored import written_cases
from eval_pipeline.tracing.experiment.trace_status import TracedRun
from eval_pipeline.tracing.shape.restored_trace import with_row

_log = logger_of(__name__)


def key_of(attempt: Attempt) -> AttemptKey:
    """The case's id and the attempt's number."""
    return attempt.case.id, attempt.number


@dataclass(frozen=True, kw_only=True)
class ChosenCases:
    """The cases that a run evaluates, and the dataset that they are of."""

    experiment: OpenExperiment
    chosen: Sequence[Case]

    @classmethod
    def of(cls, experiment: OpenExperiment, case_ids: Collection[str] | None = None) -> Self:
        """The cases of an experiment's dataset with these ids, by default all, sorted by id.

        Raises:
            CorruptDataError: the dataset is not there, or cannot be read.
            ExperimentConflictError: redaction changed a case, and the suite's files do not hold it any more.
        """
        version = experiment.record.dataset_version
        chosen = written_cases(experiment.store, experiment.suite, version, case_ids)
        return cls(experiment=experiment, chosen=chosen)

    @functools.cached_property
    def dataset(self) -> Sequence[Case]:
        """All cases of the dataset, sorted by id; read when it is asked for, since few runs of few cases need it."""
        own, opened = {case.id for case in self.chosen}, self.experiment
        others = written_cases(opened.store, opened.suite, opened.record.dataset_version, excluded=own)
        return sorted([*self.chosen, *others], key=lambda case: case.id)


@dataclass(kw_only=True)
class ExperimentRun:
    """One run's share of an experiment. On exit its traces are sent or spooled, also after an error."""

    experiment: OpenExperiment
    evaluator: CaseEvaluator
    run_id: str
    cases: ChosenCases
    planned: Mapping[str, Sequence[Attempt]]
    """By case, the attempts at it."""
    log: ResultLogView
    """The result log as it was when the run began."""
    writer: ResultWriter
    """Where its own results go."""
    tracing: ExperimentTracing | None
    """None where nothing is traced."""
    flush_seconds: Callable[[], float] = lambda: FLUSH_SECONDS
    """How long to wait at most for a slow server in the end."""
    traced: TracedRun | None = None
    """What it traced; set on exit."""

    def __post_init__(self) -> None:
        if self.tracing is not None:
            self.evaluator = replace(self.evaluator, tracer=self.tracing.tracer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.tracing is not None:
            self.traced = self.tracing.finish(seconds=self.flush_seconds())

    @functools.cached_property
    def left(self) -> Sequence[Attempt]:
        """The planned attempts that were not finished when the run began."""
        every = (attempt for attempts in self.planned.values() for attempt in attempts)
        return [attempt for attempt in every if key_of(attempt) not in self.log.finished]

    def recorder(
        self, *, report: ReportCases = lambda _cases: None, earlier: Iterable[CaseResult] = ()
    ) -> ResultRecorder:
        """What records its results, and sends the trace of each when it is durable.

        Args:
            report: is called with cases all of whose attempts are durable.
            earlier: results of the log, of cases that `report` has not seen.
        """
        return ResultRecorder(
            self.writer,
            attempts={case_id: len(attempts) for case_id, attempts in self.planned.items()},
            report=report,
            durable=(lambda _results: None) if self.tracing is None else self.tracing.tracer.durable,
            earlier=earlier,
        )

    def restore_rows(self, log: ResultLogView | None = None) -> int:
        """Send the rows of finished attempts that the server lacks. Returns how many were sent.

        Args:
            log: as it is now; by default as it was when the run began.
        """
        log = log or self.log
        if self.tracing is None or not log.finished:
            return 0
        opened = self.experiment
        return restore_rows(opened.settings, self.tracing, record=opened.record, log=log, dataset=self.cases.dataset)

    def split_reusable(self) -> tuple[ReusableAnswers, Iterator[CaseResult]]:
        """What is left, as the attempts to make, and results of earlier experiments that stand for the others.

        Of the attempts to make, some have an answer of an earlier experiment, which is scored again.
        """
        store, record = self.experiment.store, self.experiment.record
        fingerprints = {key_of(attempt): self.evaluator.fingerprint(attempt.case) for attempt in self.left}
        cases = {attempt.case.id: attempt.case for attempt in self.left}

        def alike(key: AttemptKey, without_context: str | None, reads: str | None) -> bool:
            return self.evaluator.fingerprints.reads_alike(cases[key[0]], without_context, reads)

        reusable = find_reusable(store, record, fingerprints, alike)
        attempts = reusable.attempts
        made = [each for each in self.left if key_of(each) not in attempts]
        return find_answers(store, record, self.evaluator, made), map(self._with_row, reusable.results())

    def reused(self, result: CaseResult) -> CaseResult:
        """A result of another experiment as one of this, with a row of its own."""
        return self._with_row(as_reused(result, self.experiment.record))

    def _with_row(self, result: CaseResult) -> CaseResult:
        """A reused result with a row of its own; cases of a unified trace are no rows."""
        if self.tracing is None or self.experiment.record.trace_headers is not None:
            return result
        return with_row(self.tracing.tracer, result, self.planned[result.case_id][0].case)


def begin_run(
    experiment: OpenExperiment,
    evaluator: CaseEvaluator,
    cases: ChosenCases,
    *,
    run_id: str,
    claim: CaseClaim | None = None,
    retry_errors: bool = False,
    expect_all_cases: bool = False,
    warn: Callable[[str], object] = _log.warning,
) -> ExperimentRun:
    """A run of some cases of an experiment; its plan is written, and the experiment is at the servers.

    Args:
        experiment: begun or joined.
        evaluator: of its cases.
        cases: that the run evaluates.
        run_id: Dagster's, or one that is as unique.
        claim: on the cases; of a run that writes results.
        retry_errors: whether attempts that ended in an error are made again.
        expect_all_cases: whether the experiment's project expects all cases of the dataset, or those of the run.
        warn: is called with what could not be read.

    Raises:
        CredentialsError: a destination refuses its key.
        InputError: the trace mode is `unified`, and the experiment was not begun so.
        InfrastructureError: the store failed.
    """
    store, record, settings = experiment.store, experiment.record, experiment.settings
    case_ids = [case.id for case in cases.chosen]
    write_plan(store, record.suite, record.experiment, run_id=run_id, cases=case_ids)
    log = ResultLogView.open(store, record.suite, record.experiment, set_aside_by=run_id, retry_errors=retry_errors)
    for uri in log.unreadable:
        warn(f"{uri} cannot be read: the attempts in it are made again")
    planned = {case.id: evaluator.attempts(case, record.repetitions) for case in cases.chosen}
    tracing = None
    if settings.destinations:
        tracing = begin_tracing(
            settings,
            suite=experiment.suite.spec,
            record=record,
            dataset=cases.dataset,
            cases=len(cases.dataset) if expect_all_cases else len(case_ids),
            context=evaluator.context,
            store=store,
            run_id=run_id,
            unified=experiment.unified,
        )
    return ExperimentRun(
        experiment=experiment,
        evaluator=evaluator,
        run_id=run_id,
        cases=cases,
        planned=planned,
        log=log,
        writer=(
            claim.log(order=log.next_order)
            if claim is not None
            else ResultLog(store, suite=record.suite, experiment=record.experiment, writer=run_id, order=log.next_order)
        ),
        tracing=tracing,
    )
