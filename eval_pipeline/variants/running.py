"""Evaluating variants: the same cases in the same order, all variants at once, and between looks those that are left.

What is left to make is read from the result logs, so that a comparison that was killed goes on where it was; whom
the looks before dropped is found again from the same rows.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from eval_pipeline.errors import PermanentError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.models.limits.run import Throughput
from eval_pipeline.pipeline.make_attempts import make_attempts
from eval_pipeline.pipeline.plan import write_plan
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.pipeline.restore_rows import restore_rows
from eval_pipeline.pipeline.trace_run import ExperimentTracing, begin_tracing
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.progress import standing_of
from eval_pipeline.results.result_log import ResultLog, read_results, set_unreadable_aside
from eval_pipeline.suite.case import Case
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline.variants.contender import Contender
from eval_pipeline.variants.halving import Drop, drops, in_hash_order, looks_at
from eval_pipeline.variants.launch import Launch
from eval_pipeline.variants.metric import METRIC_COLUMNS, metric_by_case, shown_metric

_log = logger_of(__name__)

_Key = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What an evaluation of variants came to."""

    dropped: Mapping[str, Drop]
    """By variant."""
    attempts: int
    """Made, of all variants together, by this run and those before it."""
    attempts_of_all: int
    """What every variant on every case would take."""
    looks: int
    """How many there were before the end."""


def evaluate_contenders(contenders: Sequence[Contender], dataset: Sequence[Case], launch: Launch) -> Evaluated:
    """Evaluate what is left of a comparison. What is finished when something goes wrong is kept.

    Args:
        contenders: `current` and the variants.
        dataset: all cases of the pinned dataset.
        launch: what to do, and with what.

    Raises:
        InfrastructureError: the world around us failed.
        PermanentError: the budget ended before every attempt was made.
    """
    by_id = {case.id: case for case in dataset}
    cases = [by_id[case_id] for case_id in in_hash_order(launch.plan.cases)]
    looks = looks_at(len(cases)) if launch.plan.halving and len(contenders) > 1 else []
    with contextlib.ExitStack() as opened:
        throughput = opened.enter_context(
            contextlib.closing(Throughput.of(contenders[0].evaluator.suite, experiment=launch.plan.name))
        )
        seats = [opened.enter_context(_seated(each, cases, dataset, launch)) for each in contenders]
        left = {seat.contender.name: seat for seat in seats}
        dropped: dict[str, Drop] = {}
        for number, size in enumerate([*looks, len(cases)], start=1):
            names = "1 variant" if len(left) == 1 else f"{len(left)} variants"
            if looks:
                launch.progress.step(f"look {number} of {len(looks) + 1}: {names} on {size} of {len(cases)} cases")
            _evaluate(list(left.values()), cases[:size], throughput, launch)
            if number > len(looks):
                break
            found = _drops(left, cases[:size], launch, looks=len(looks), variants=len(contenders))
            for drop in found:
                left.pop(drop.variant)
                dropped[drop.variant] = drop
                launch.progress.step(_told(drop, launch.plan.metric, size))
            if len(left) == 1:
                break
        made = sum(len(seat.finished) for seat in seats)
    return Evaluated(
        dropped=dropped,
        attempts=made,
        attempts_of_all=sum(len(each.attempts(case)) for each in contenders for case in cases),
        looks=min(number, len(looks)),
    )


@dataclass(kw_only=True)
class _Seat:
    """A contender, with what takes its results and what was finished of it."""

    contender: Contender
    evaluator: CaseEvaluator
    recorder: ResultRecorder
    finished: set[_Key]

    def left_of(self, cases: Sequence[Case]) -> list[Attempt]:
        attempts = [attempt for case in cases for attempt in self.contender.attempts(case)]
        return [attempt for attempt in attempts if (attempt.case.id, attempt.number) not in self.finished]


@contextlib.contextmanager
def _seated(contender: Contender, cases: Sequence[Case], dataset: Sequence[Case], launch: Launch) -> Iterator[_Seat]:
    store, record = launch.store, contender.record
    write_plan(store, record.suite, record.experiment, run_id=launch.run_id, cases=launch.plan.cases)
    for uri in set_unreadable_aside(store, record.suite, record.experiment, run_id=launch.run_id):
        _log.warning("%s cannot be read: the attempts in it are made again", uri)
    standing = standing_of(store, record, retry_errors=launch.retry_errors)
    tracing = begin_tracing(
        launch.settings,
        suite=contender.variant.suite.spec,
        record=record,
        dataset=dataset,
        cases=len(cases),
        context=contender.evaluator.context,
        store=store,
        run_id=launch.run_id,
        opened=contender.begun,
    )
    try:
        if tracing is not None and standing.finished:
            restore_rows(launch.settings, tracing, record=record, store=store, standing=standing, dataset=dataset)
        recorder = ResultRecorder(
            ResultLog(store, suite=record.suite, experiment=record.experiment, run_id=launch.run_id),
            attempts={case.id: len(contender.attempts(case)) for case in cases},
            report=lambda _cases: None,
            durable=(lambda _results: None) if tracing is None else tracing.tracer.durable,
        )
        with recorder:
            yield _Seat(
                contender=contender,
                evaluator=_traced(contender.evaluator, tracing),
                recorder=recorder,
                finished=set(standing.finished),
            )
    finally:
        # Also when the run ends in an error: what is finished is kept.
        if tracing is not None:
            tracing.finish()


def _traced(evaluator: CaseEvaluator, tracing: ExperimentTracing | None) -> CaseEvaluator:
    return evaluator if tracing is None else replace(evaluator, tracer=tracing.tracer)


def _evaluate(seats: Sequence[_Seat], cases: Sequence[Case], throughput: Throughput, launch: Launch) -> None:
    """What is left of some variants on some cases.

    Raises:
        PermanentError: the budget ended before every attempt was made.
    """
    left = [(seat, found) for seat in seats if (found := seat.left_of(cases))]
    launch.progress.begin(sum(len(found) for _, found in left))
    skipped = 0

    def told(seat: _Seat, result: CaseResult) -> None:
        nonlocal skipped
        if result.status == "skipped":
            skipped += 1
        else:
            seat.finished.add((result.case_id, result.attempt))
        launch.progress.result(result)

    async def make(seat: _Seat, attempts: Sequence[Attempt]) -> None:
        await make_attempts(
            _with_share(seat.evaluator, len(left)),
            attempts,
            recorder=seat.recorder,
            throughput=throughput,
            told=lambda result: told(seat, result),
        )

    async def make_all() -> None:
        # At once, so that what a provider is like at the time is so for all of them.
        tasks = [asyncio.create_task(make(seat, attempts)) for seat, attempts in left]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run_in_loop(make_all())
    if skipped:
        raise PermanentError(
            f"the budget was used up before {skipped} attempts, so the variants cannot be compared yet",
            fix="raise `evaluation.max_tokens` or `max_cost_usd`, or compare on fewer cases, and go on with it "
            "(`eval-pipeline variants run --resume`)",
        )


def _with_share(evaluator: CaseEvaluator, variants: int) -> CaseEvaluator:
    """An evaluator with its share of the attempts in flight, at least one."""
    spec = evaluator.suite.spec
    share = max(1, spec.evaluation.max_concurrency // variants)
    evaluation = spec.evaluation.model_copy(update={"max_concurrency": share})
    suite = replace(evaluator.suite, spec=spec.model_copy(update={"evaluation": evaluation}))
    return replace(evaluator, suite=suite)


def _drops(
    left: Mapping[str, _Seat], cases: Sequence[Case], launch: Launch, *, looks: int, variants: int
) -> list[Drop]:
    seen = {case.id for case in cases}
    values = {}
    for name, seat in left.items():
        record = seat.contender.record
        rows = read_results(launch.store, record.suite, record.experiment, columns=METRIC_COLUMNS).to_pylist()
        found = metric_by_case(rows, launch.plan.metric)
        # A run before this one may have come further.
        values[name] = {case_id: value for case_id, value in found.items() if case_id in seen}
    return drops(values, looks=looks, variants=variants)


def _told(drop: Drop, metric: str, cases: int) -> str:
    return (
        f"dropped {drop.variant}: {shown_metric(metric)} {drop.score:.1%} on {cases} cases, "
        f"{drop.leader} has {drop.leaders_score:.1%} (p={drop.p_value:.2g})"
    )
