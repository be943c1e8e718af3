"""Doing a task: the same code in a process, a container and AWS Lambda.

A task that is done twice is done once: what is finished of it is skipped, and of two workers that do it at the same
time one has each attempt (`eval_pipeline.results.task_log`).
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from eval_pipeline.errors import EvalPipelineError, ExperimentConflictError, InputError, Problem
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.models.limits.fleet.ledger import ledger_from_environment
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.pipeline.begin import OpenExperiment, join_experiment
from eval_pipeline.pipeline.make_attempts import make_attempts
from eval_pipeline.pipeline.reuse import find_answers
from eval_pipeline.pipeline.run import ChosenCases, ExperimentRun, key_of
from eval_pipeline.pipeline.trace_run import FLUSH_SECONDS
from eval_pipeline.redaction.logs import logger_of, set_log_redactor
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import read_experiment
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.task_log import TaskLog, task_part
from eval_pipeline.settings import STORE_VARIABLE, LangSmithSettings, PipelineSettings
from eval_pipeline.store.layout import answer_key
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.discovery import folder_of_suite
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.targets.opening import target_version
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline.workers.task import Failure, TaskAnswer, WorkerTask
from eval_pipeline.workers.tracing import settings_of, task_tracing

_log = logger_of(__name__)

_LAST_SECONDS = 10.0
_LAST_SHARE = 0.1
"""Before a worker's own end attempts in flight are cancelled, so that what is finished can be sent."""


@dataclass(frozen=True, kw_only=True)
class _Deadline:
    """When this process ends."""

    end: float | None
    reserve: float = 0.0
    """Seconds kept for the end."""

    @classmethod
    def of(cls, seconds: float | None) -> Self:
        if seconds is None:
            return cls(end=None)
        return cls(end=time.monotonic() + seconds, reserve=min(_LAST_SECONDS, _LAST_SHARE * seconds))

    def left(self, *, reserves: int) -> float | None:
        """Seconds until so many reserves before the end; None: no limit."""
        return None if self.end is None else self.end - reserves * self.reserve - time.monotonic()

    def flush_seconds(self) -> float:
        """How long to wait for a slow server in the end."""
        seconds = self.left(reserves=0)
        return FLUSH_SECONDS if seconds is None else max(1.0, seconds / 2)


@dataclass(kw_only=True)
class _TaskProgress:
    """How far a task has come."""

    started: float = field(default_factory=time.monotonic)
    attempts: int = 0
    finished_before: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    throughput: Throughput | None = None
    run: ExperimentRun | None = None

    def answer(self, task: WorkerTask, failure: Failure | None) -> TaskAnswer:
        report = None if self.throughput is None else self.throughput.report()
        made = self.statuses.total() - self.statuses["skipped"]
        traced = None if self.run is None else self.run.traced
        return TaskAnswer(
            suite=task.suite,
            experiment=task.experiment,
            task=task.task,
            call=task.call,
            attempts=self.attempts,
            finished=self.finished_before + made,
            made=made,
            errors=self.statuses["error"],
            skipped=self.statuses["skipped"],
            tokens=0 if report is None else report.tokens,
            cost_usd=None if report is None else report.cost_usd,
            unpriced_models=() if report is None else report.unpriced_models,
            runs_sent=0 if traced is None else traced.runs_sent,
            runs_spooled=0 if traced is None else traced.runs_spooled,
            runs_dropped=0 if traced is None else traced.runs_dropped,
            wall_s=round(time.monotonic() - self.started, 3),
            failure=failure,
        )


def do_task(task: WorkerTask, *, seconds: float | None = None) -> TaskAnswer:
    """Do what is left of a task. Never raises: what went wrong is in the answer, of a case in its row.

    Args:
        task: what to do.
        seconds: after so many this process ends; attempts that would not be finished then are left.
    """
    progress, failure = _TaskProgress(), None
    try:
        _do(task, progress, deadline=_Deadline.of(seconds))
    except EvalPipelineError as error:
        failure = Failure.of(error)
    except Exception as error:  # noqa: BLE001 - the caller gets an answer, whatever it was
        _log.exception("task %s of %s broke", task.task, task.experiment)
        failure = Failure.of(error)
    answer = progress.answer(task, failure)
    with contextlib.suppress(EvalPipelineError):  # a caller that sees no answer asks again
        _store(task).put(answer_key(task.suite, task.experiment, task.task), answer.model_dump_json().encode())
    return answer


def _do(task: WorkerTask, progress: _TaskProgress, *, deadline: _Deadline) -> None:
    settings = settings_of(task)
    set_log_redactor(Redactor.of(settings))
    experiment, evaluator = _opened(task, settings)
    store, cases = experiment.store, _cases(task, experiment)
    log = ResultLogView.open(
        store, task.suite, task.experiment, retry_errors=task.retry_errors, part=task_part(task.task)
    )
    writer = TaskLog(
        store, suite=task.suite, experiment=task.experiment, task=task.task, view=log, order=task.log_order
    )
    planned = {case.id: _attempts(task, experiment, evaluator, case) for case in cases.chosen}
    progress.attempts = sum(map(len, planned.values()))
    progress.finished_before = sum(key_of(each) in log.finished for attempts in planned.values() for each in attempts)
    if progress.finished_before == progress.attempts:
        writer.close()  # a worker that died before may have left segments unmerged
        return
    run_id = f"{task.task}.{writer.first}"
    run = progress.run = ExperimentRun(
        experiment=experiment,
        evaluator=evaluator,
        run_id=run_id,
        cases=cases,
        planned=planned,
        log=log,
        writer=writer,
        tracing=task_tracing(task, cases, context=evaluator.context, run_id=run_id),
        flush_seconds=deadline.flush_seconds,
    )
    with run:
        _make(task, run, progress, deadline)


def _cases(task: WorkerTask, experiment: OpenExperiment) -> ChosenCases:
    cases = ChosenCases.of(experiment, set(task.case_ids))
    if unknown := set(task.case_ids) - {case.id for case in cases.chosen}:
        version = experiment.record.dataset_version
        message = f"case {min(unknown)!r} of task {task.task} is not in dataset {version}"
        raise InputError(Problem(message=message, fix="make tasks of the dataset that the experiment's record pins"))
    return cases


def _attempts(task: WorkerTask, experiment: OpenExperiment, evaluator: CaseEvaluator, case: Case) -> list[Attempt]:
    finished = task.finished.get(case.id, ())
    attempts = evaluator.attempts(case, experiment.record.repetitions)
    return [attempt for attempt in attempts if attempt.number not in finished]


def _make(task: WorkerTask, run: ExperimentRun, progress: _TaskProgress, deadline: _Deadline) -> None:
    throughput = progress.throughput = _throughput(task, run.evaluator)

    def on_result(result: CaseResult) -> None:
        progress.statuses[result.status] += 1

    async def make() -> None:
        opened = run.experiment
        left = find_answers(opened.store, opened.record, run.evaluator, run.left) if task.reuse_answers else run.left
        attempts = _in_time(left, deadline)
        try:
            async with asyncio.timeout(deadline.left(reserves=1)) as end:
                await make_attempts(
                    run.evaluator, attempts, recorder=recorder, throughput=throughput, on_result=on_result
                )
        except TimeoutError:
            if not end.expired():
                raise

    with contextlib.closing(throughput), run.recorder() as recorder:
        run_in_loop(make())


def _in_time(attempts: Iterable[Attempt], deadline: _Deadline) -> Iterator[Attempt]:
    for attempt in attempts:
        seconds = deadline.left(reserves=2)
        if seconds is not None and seconds < 0:
            return
        yield attempt


def _throughput(task: WorkerTask, evaluator: CaseEvaluator) -> Throughput:
    evaluation, ledger = evaluator.suite.spec.evaluation, ledger_from_environment()
    limits = {} if task.limits is None else task.limits.model_dump()
    if ledger is not None:
        # Its share of what a fleet shares already would be taken twice.
        shared = _RATES if evaluation.budget_of != "experiment" else limits.keys()
        limits = {name: limit for name, limit in limits.items() if name not in shared}
    evaluation = evaluation.model_copy(update=limits)
    return Throughput(
        evaluation,
        folder=evaluator.suite.folder,
        max_concurrency=evaluation.max_concurrency,
        ledger=ledger,
        experiment=evaluator.pins.experiment,
    )


_RATES = frozenset({"requests_per_minute", "tokens_per_minute"})
_warm: dict[tuple[str | None, str, str], tuple[OpenExperiment, CaseEvaluator]] = {}
"""The experiment that this process worked for last: the next task is most likely of the same."""


def _opened(task: WorkerTask, settings: LangSmithSettings) -> tuple[OpenExperiment, CaseEvaluator]:
    """The task's experiment and its evaluator; a warm worker has them.

    Raises:
        InputError: there is no such suite here, or its target cannot be opened, or the task names other data.
        ExperimentConflictError: the suite is another one here.
        MissingUpstreamError: there is no such experiment, or its context is gone.
    """
    key = (task.store or PipelineSettings.from_environment().store, task.suite, task.experiment)
    if key not in _warm:
        opened = _open(task, settings)
        _warm.clear()
        _warm[key] = opened
    experiment, evaluator = _warm[key]
    record = experiment.record
    for name in ("context_id", "dataset_version"):
        given, pinned = getattr(task, name), getattr(record, name)
        if given is not None and given != pinned:
            message = f"task {task.task} names {name} {given!r}, and experiment {record.experiment} pins {pinned!r}"
            raise InputError(Problem(message=message, fix="make tasks of the experiment's record", field=name))
    if task.headers:
        record = record.model_copy(update={"trace_headers": dict(task.headers)})
    # Of a warm worker, another task may be traced and redacted in another way.
    return (
        replace(experiment, record=record, settings=settings),
        evaluator.configured(settings),
    )


def _open(task: WorkerTask, settings: LangSmithSettings) -> tuple[OpenExperiment, CaseEvaluator]:
    store = _store(task)
    record = read_experiment(store, task.suite, task.experiment)
    experiment = join_experiment(store, read_suite(folder_of_suite(task.suite)), record, settings)
    here, pinned = target_version(experiment.suite, experiment.prompts), record.target_version
    if here != pinned:
        raise ExperimentConflictError(
            f"experiment {task.experiment} was begun with target_version {pinned!r}, and this worker has {here!r}",
            fix="give workers the same suite, and the same packages, as the process that begins the run",
        )
    return experiment, experiment.evaluator()


def _store(task: WorkerTask) -> Store:
    uri = task.store or PipelineSettings.from_environment().store
    if not uri:
        fix = f"name it in the task, or set {STORE_VARIABLE} to s3://bucket/prefix"
        raise InputError(Problem(message=f"task {task.task} does not say which store", fix=fix, field="store"))
    return open_store(uri)
