"""Doing a task: the same code in a process, a container and AWS Lambda.

A task that is done twice is done once: what is finished of it is skipped, and of two workers that do it at the same
time one has each attempt (`eval_pipeline.results.task_log`).
"""

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from eval_pipeline.errors import EvalPipelineError, ExperimentConflictError, InputError, Problem
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.models.limits.fleet.opening import ledger_from_environment
from eval_pipeline.models.limits.run import Throughput
from eval_pipeline.pipeline.evaluator import evaluator_of
from eval_pipeline.pipeline.make_attempts import make_attempts
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.pipeline.trace_run import ExperimentTracing
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.redaction.logs import logger_of, redact_what_is_said
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import ExperimentRecord, read_experiment
from eval_pipeline.results.progress import standing_of
from eval_pipeline.results.task_log import TaskLog, task_part
from eval_pipeline.results.traced_run import TracedRun
from eval_pipeline.store.layout import answer_key
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import written_cases
from eval_pipeline.suite.discovery import folder_of_suite
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.targets.opening import target_version
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline.workers.task import Failure, TaskAnswer, WorkerTask
from eval_pipeline.workers.tracing import settings_of, task_tracing

_log = logger_of(__name__)

STORE_VARIABLE = "EVAL_PIPELINE_STORE"
_LAST_SECONDS = 10.0
_LAST_SHARE = 0.1
"""Before a worker's own end attempts in flight are given up, so that what is finished can be sent."""


@dataclass(frozen=True, kw_only=True)
class _Until:
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
        """Seconds until so many reserves before the end; None: for ever."""
        return None if self.end is None else self.end - reserves * self.reserve - time.monotonic()


@dataclass(kw_only=True)
class _Done:
    """How far a task has come."""

    started: float = field(default_factory=time.monotonic)
    attempts: int = 0
    before: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    throughput: Throughput | None = None
    traced: TracedRun | None = None

    def answer(self, task: WorkerTask, failure: Failure | None) -> TaskAnswer:
        report = None if self.throughput is None else self.throughput.report()
        made = self.statuses.total() - self.statuses["skipped"]
        traced = self.traced
        return TaskAnswer(
            suite=task.suite,
            experiment=task.experiment,
            task=task.task,
            call=task.call,
            attempts=self.attempts,
            finished=self.before + made,
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
    done, failure = _Done(), None
    try:
        _do(task, done, until=_Until.of(seconds))
    except EvalPipelineError as error:
        failure = Failure.of(error)
    except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it was
        _log.exception("task %s of %s broke", task.task, task.experiment)
        failure = Failure.of(error)
    answer = done.answer(task, failure)
    with contextlib.suppress(EvalPipelineError):  # who asked sees no answer, and asks again
        _store(task).put(answer_key(task.suite, task.experiment, task.task), answer.model_dump_json().encode())
    return answer


def _do(task: WorkerTask, done: _Done, *, until: _Until) -> None:
    settings = settings_of(task)
    redact_what_is_said(Redactor.of(settings))
    store, record, evaluator = _opened(task)
    evaluator = replace(evaluator, redactor=Redactor.of(settings))
    if task.headers:
        record = record.model_copy(update={"trace_headers": dict(task.headers)})
    log = TaskLog(store, suite=task.suite, experiment=task.experiment, task=task.task)
    planned = _planned(task, store, record, evaluator)
    done.attempts = len(planned)
    standing = standing_of(store, record, retry_errors=task.retry_errors, part=task_part(task.task))
    left = [attempt for attempt in planned if (attempt.case.id, attempt.number) not in standing.finished]
    done.before = len(planned) - len(left)
    if not left:
        log.close()  # a worker that died before may have left that
        return
    label = f"{task.task}.{log.first}"
    tracing = task_tracing(task, settings, evaluator=evaluator, record=record, store=store, label=label)
    try:
        _make(task, evaluator, left, log=log, tracing=tracing, done=done, until=until)
    finally:
        if tracing is not None:
            seconds = until.left(reserves=0)
            done.traced = tracing.finish(**({} if seconds is None else {"seconds": max(1.0, seconds / 2)}))


def _planned(task: WorkerTask, store: Store, record: ExperimentRecord, evaluator: CaseEvaluator) -> list[Attempt]:
    cases = written_cases(store, evaluator.suite, record.dataset_version, set(task.case_ids))
    if unknown := set(task.case_ids) - {case.id for case in cases}:
        message = f"case {min(unknown)!r} of task {task.task} is not in dataset {record.dataset_version}"
        raise InputError(Problem(message=message, fix="make tasks of the dataset that the experiment's record pins"))
    every = [attempt for case in cases for attempt in evaluator.attempts(case, record.repetitions)]
    return [attempt for attempt in every if attempt.number not in task.finished.get(attempt.case.id, ())]


def _make(
    task: WorkerTask,
    evaluator: CaseEvaluator,
    left: Sequence[Attempt],
    *,
    log: TaskLog,
    tracing: ExperimentTracing | None,
    done: _Done,
    until: _Until,
) -> None:
    throughput = done.throughput = _throughput(task, evaluator)
    recorder = ResultRecorder(
        log,
        attempts=Counter(attempt.case.id for attempt in left),
        report=lambda _cases: None,
        durable=(lambda _results: None) if tracing is None else tracing.tracer.durable,
    )

    def told(result: CaseResult) -> None:
        done.statuses[result.status] += 1

    async def run() -> None:
        makes = evaluator if tracing is None else replace(evaluator, tracer=tracing.tracer)
        attempts = _in_time(left, until)
        try:
            async with asyncio.timeout(until.left(reserves=1)) as end:
                await make_attempts(makes, attempts, recorder=recorder, throughput=throughput, told=told)
        except TimeoutError:
            if not end.expired():
                raise

    with contextlib.closing(throughput), recorder:
        run_in_loop(run())


def _in_time(attempts: Iterable[Attempt], until: _Until) -> Iterator[Attempt]:
    for attempt in attempts:
        seconds = until.left(reserves=2)
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
_Opened = tuple[Store, ExperimentRecord, CaseEvaluator]
_warm: dict[tuple[str | None, str, str], _Opened] = {}
"""The experiment that this process worked for last: the next task is most likely of the same."""


def _opened(task: WorkerTask) -> _Opened:
    """Store, record and evaluator of the task's experiment; a worker that is warm has them.

    Raises:
        InputError: there is no such suite here, or its target cannot be opened, or the task names other data.
        ExperimentConflictError: the suite is another one here.
        MissingUpstreamError: there is no such experiment, or its context is gone.
    """
    key = (task.store or os.environ.get(STORE_VARIABLE), task.suite, task.experiment)
    found = _warm.get(key)
    if found is None:
        found = _open(task)
        _warm.clear()
        _warm[key] = found
    record = found[1]
    for name in ("context_id", "dataset_version"):
        told, pinned = getattr(task, name), getattr(record, name)
        if told is not None and told != pinned:
            message = f"task {task.task} names {name} {told!r}, and experiment {record.experiment} pins {pinned!r}"
            raise InputError(Problem(message=message, fix="make tasks of the experiment's record", field=name))
    return found


def _open(task: WorkerTask) -> _Opened:
    store = _store(task)
    record = read_experiment(store, task.suite, task.experiment)
    suite = read_suite(folder_of_suite(task.suite))
    prompts = prompts_of(suite, settings_of(task), pinned=record.prompts)
    here = target_version(suite, prompts)
    if here != record.target_version:
        raise ExperimentConflictError(
            f"experiment {record.experiment} was begun with target_version {record.target_version!r}, "
            f"and this worker has {here!r}",
            fix="give workers the same suite, and the same packages, as the process that begins the run",
        )
    return store, record, evaluator_of(suite, store, record, prompts)


def _store(task: WorkerTask) -> Store:
    uri = task.store or os.environ.get(STORE_VARIABLE)
    if not uri:
        fix = f"name it in the task, or set {STORE_VARIABLE} to s3://bucket/prefix"
        raise InputError(Problem(message=f"task {task.task} does not say which store", fix=fix, field="store"))
    return open_store(uri)
