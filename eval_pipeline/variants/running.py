"""Evaluating variants: the same cases in the same order, all variants at once, and between looks those that are left.

What is left to make is read from the result logs, so that a comparison that was killed can be resumed; the variants
that earlier looks dropped follow from the same rows.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from eval_pipeline.analysis.statistics.paired import p_is
from eval_pipeline.errors import PermanentError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import UNKEPT
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.pipeline.claims import claim_cases
from eval_pipeline.pipeline.make_attempts import make_attempts
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.pipeline.run import ChosenCases, ExperimentRun, begin_run, key_of
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.result_log import AttemptKey, read_results
from eval_pipeline.suite.case import Case
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline.variants.contender import Contender
from eval_pipeline.variants.halving import Drop, drops, in_hash_order, looks_at
from eval_pipeline.variants.launch import Launch
from eval_pipeline.variants.metric import METRIC_COLUMNS, metric_by_case, shown_metric
from eval_pipeline.wording import counted


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """The outcome of an evaluation of variants."""

    dropped: Mapping[str, Drop]
    """By variant."""
    attempts: int
    """Made, of all variants together, by this run and those before it."""
    attempts_of_all: int
    """What every variant on every case would take."""
    looks: int
    """How many there were before the end."""


def evaluate_contenders(contenders: Sequence[Contender], launch: Launch) -> Evaluated:
    """Evaluate what is left of a comparison. What is finished when something goes wrong is kept.

    Args:
        contenders: `current` and the variants.
        launch: the run.

    Raises:
        InfrastructureError: something around the cases failed.
        PermanentError: the budget ended before every attempt was made.
    """
    stored = ChosenCases.of(contenders[0].experiment, launch.plan.cases)
    by_id = {case.id: case for case in stored.chosen}
    cases = [by_id[case_id] for case_id in in_hash_order(launch.plan.cases)]
    looks = looks_at(len(cases)) if launch.plan.halving and len(contenders) > 1 else []
    with contextlib.ExitStack() as opened:
        throughput = Throughput.of(contenders[0].evaluator.suite, experiment=launch.plan.name)
        opened.enter_context(contextlib.closing(throughput))
        chosen = ChosenCases(experiment=stored.experiment, chosen=cases)
        entries = [_enter(each, chosen, launch, opened) for each in contenders]
        left = {entry.contender.name: entry for entry in entries}
        dropped: dict[str, Drop] = {}
        for number, size in enumerate([*looks, len(cases)], start=1):
            names = counted(len(left), "variant")
            if looks:
                launch.progress.step(
                    f"look {number} of {len(looks) + 1}: {names} on {size} of {counted(len(cases), 'case')}"
                )
            _evaluate(list(left.values()), cases[:size], throughput, launch)
            if number > len(looks):
                break
            for drop in _drops(left, cases[:size], launch, looks=len(looks), variants=len(contenders)):
                left.pop(drop.variant)
                dropped[drop.variant] = drop
                launch.progress.step(_drop_message(drop, launch.plan.metric, size))
            if len(left) == 1:
                break
    return Evaluated(
        dropped=dropped,
        attempts=sum(len(entry.finished) for entry in entries),
        attempts_of_all=sum(len(each.attempts(case)) for each in contenders for case in cases),
        looks=min(number, len(looks)),
    )


@dataclass(kw_only=True)
class _Entry:
    """A contender's run of its experiment."""

    contender: Contender
    run: ExperimentRun
    recorder: ResultRecorder
    finished: set[AttemptKey] = field(default_factory=set)

    def left_of(self, cases: Sequence[Case]) -> list[Attempt]:
        attempts = (attempt for case in cases for attempt in self.contender.attempts(case))
        return [attempt for attempt in attempts if key_of(attempt) not in self.finished]


def _enter(contender: Contender, cases: ChosenCases, launch: Launch, opened: contextlib.ExitStack) -> _Entry:
    record, case_ids = contender.record, [case.id for case in cases.chosen]
    claim = opened.enter_context(
        claim_cases(launch.store, record.suite, record.experiment, run_id=launch.run_id, cases=case_ids)
    )
    run = opened.enter_context(
        begin_run(
            contender.experiment,
            contender.evaluator,
            cases,
            run_id=launch.run_id,
            claim=claim,
            retry_errors=launch.retry_errors,
        )
    )
    run.restore_rows()
    recorder = opened.enter_context(run.recorder())
    return _Entry(contender=contender, run=run, recorder=recorder, finished=set(run.log.finished))


def _evaluate(entries: Sequence[_Entry], cases: Sequence[Case], throughput: Throughput, launch: Launch) -> None:
    """Evaluate what is left of some variants on some cases.

    Raises:
        PermanentError: the budget ended before every attempt was made.
    """
    left = [(entry, attempts) for entry in entries if (attempts := entry.left_of(cases))]
    launch.progress.begin(sum(len(attempts) for _, attempts in left))
    skipped = 0

    def on_result(entry: _Entry, result: CaseResult) -> None:
        nonlocal skipped
        if result.status == "skipped":
            skipped += 1
        else:
            entry.finished.add((result.case_id, result.attempt))
        launch.progress.result(result)

    async def make(entry: _Entry, attempts: Sequence[Attempt]) -> None:
        await make_attempts(
            _with_share(entry.run.evaluator, len(left)),
            attempts,
            recorder=entry.recorder,
            throughput=throughput,
            on_result=lambda result: on_result(entry, result),
            # What a kill costs is bounded for the process, however many variants it evaluates.
            unkept=UNKEPT // len(left),
        )

    async def make_all() -> None:
        # At once, so that what a provider is like at the time is so for all of them.
        tasks = [asyncio.create_task(make(entry, attempts)) for entry, attempts in left]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run_in_loop(make_all())
    if skipped:
        raise PermanentError(
            f"the budget was used up before {counted(skipped, 'attempt')}, so the variants cannot be compared yet",
            fix="raise `evaluation.max_tokens` or `max_cost_usd`, or compare on fewer cases, and resume it "
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
    left: Mapping[str, _Entry], cases: Sequence[Case], launch: Launch, *, looks: int, variants: int
) -> list[Drop]:
    seen = {case.id for case in cases}
    values = {}
    for name, entry in left.items():
        record = entry.contender.record
        rows = read_results(launch.store, record.suite, record.experiment, columns=METRIC_COLUMNS).to_pylist()
        by_case = metric_by_case(rows, launch.plan.metric)
        # A run before this one may have come further.
        values[name] = {case_id: value for case_id, value in by_case.items() if case_id in seen}
    return drops(values, looks=looks, variants=variants)


def _drop_message(drop: Drop, metric: str, cases: int) -> str:
    return (
        f"dropped {drop.variant}: {shown_metric(metric)} {drop.score:.1%} on {counted(cases, 'case')}, "
        f"{drop.leader} has {drop.leaders_score:.1%} ({p_is(drop.p_value)})"
    )
