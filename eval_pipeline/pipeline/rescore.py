"""Scoring the answers of an experiment again by the assertions as they are now, in a new one that calls no target."""

import contextlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eval_pipeline.assertions.judges.pulled_corrections import corrections_now, with_pulled_corrections
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.attempt_runtime import not_carried_out, placed_assertions
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.evaluation.fingerprints import metric_versions
from eval_pipeline.evaluation.redacting import is_redacted
from eval_pipeline.evaluation.stored_answer import StoredAnswer
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.pipeline.begin import OpenExperiment, open_evaluator
from eval_pipeline.pipeline.claims import claim_cases
from eval_pipeline.pipeline.conclude import Conclusion, conclude
from eval_pipeline.pipeline.make_attempts import make_attempts
from eval_pipeline.pipeline.prepare import keep_dataset, load_valid_dataset
from eval_pipeline.pipeline.run import ChosenCases, ExperimentRun, begin_run, key_of
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import (
    ExperimentRecord,
    PinnedPrompt,
    PromptRole,
    experiment_name,
    experiments_newest_first,
    pin_experiment,
)
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.result_log import AttemptKey
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.stored import written_cases
from eval_pipeline.suite.spec.target import PromptedTarget
from eval_pipeline.suite.suite import Suite
from eval_pipeline.targets.session import LiveSessionFactory, SessionFactory
from eval_pipeline.user_code.loop import run_in_loop

OnResult = Callable[[CaseResult], None]


@dataclass(frozen=True, kw_only=True)
class RescoringPlan:
    """What scoring an experiment's answers again takes."""

    attempts: int
    """Whose answers are scored."""
    without_answer: int
    """Attempts that ended in an error of the target, which stay as they are."""
    changed_cases: tuple[str, ...]
    """Cases whose input is another one now, or that are gone: their answers are left out."""
    new: Mapping[str, int]
    """By metric, the scores to make."""
    kept: int
    """Scores that nothing has changed for."""
    redacted: int
    """Answers with new scores of which something was redacted, which assertions cannot see."""
    judge_cost_usd: float | None
    """What judges cost then, of the attempts with new scores; None if it is not known."""


@dataclass(frozen=True, kw_only=True)
class Rescoring:
    """The answers of one experiment, and an evaluator that scores them."""

    experiment: OpenExperiment
    evaluator: CaseEvaluator
    source: ExperimentRecord
    cases: Mapping[str, Case]
    """Those with an answer to what they ask now."""
    changed: tuple[str, ...]
    only: frozenset[str]

    @property
    def answers(self) -> Iterator[CaseResult]:
        """The latest result of each attempt."""
        log = ResultLogView.open(self.experiment.store, self.source.suite, self.source.experiment)
        keys = {key for key in log.attempts if key[0] in self.cases}
        return (result for result in log.latest_results(keys) if result.status != "skipped")

    def of_cases(self, ids: Container[str]) -> "Rescoring":
        """The answers to some of the cases."""
        return replace(self, cases={name: case for name, case in self.cases.items() if name in ids})

    def plan(self) -> RescoringPlan:
        """What it takes. Nothing is called.

        Raises:
            InputError: an assertion cannot score a stored answer.
        """
        new: Counter[str] = Counter()
        attempts = without = kept = redacted = 0
        costs: list[float | None] = []
        for result in self.answers:
            attempts, without = attempts + (result.error is None), without + (result.error is not None)
            stale = [] if result.error is not None else list(self._stale(result))
            kept += 0 if result.error is not None else len(result.assertions)
            new.update(stale)
            if stale:
                redacted += is_redacted(result.turns)
                costs.append(result.usage.judge.cost_usd if result.usage.judge.calls else 0.0)
        known = [cost for cost in costs if cost is not None]
        return RescoringPlan(
            attempts=attempts,
            without_answer=without,
            changed_cases=self.changed,
            new=dict(sorted(new.items())),
            kept=max(0, kept - new.total()),
            redacted=redacted,
            judge_cost_usd=sum(known) if len(known) == len(costs) else None,
        )

    def _stale(self, result: CaseResult) -> Iterator[str]:
        """The metric of each score that is to be made."""
        stored, case = StoredAnswer(result=result, only=self.only), self.cases[result.case_id]
        suite = self.evaluator.suite
        for turn, assertions in placed_assertions(suite.spec.assertions, case, turns=len(result.turns)):
            for assertion, identity in self.evaluator.fingerprints.scores(assertions, case):
                metric = assertion.metric
                if stored.is_kept(metric) or stored.scores(turn, identity.fingerprint, metric):
                    continue
                if not assertion.scores_stored(suite.folder):
                    message = f"{metric!r} looks at the runs of an attempt, which are not stored"
                    fix = "leave it out with --only, or evaluate the suite again"
                    raise InputError(Problem(message=message, fix=fix, file=suite.folder))
                yield metric

    def score(self, *, run_id: str, on_result: OnResult = lambda _result: None) -> Conclusion:
        """Score what is not scored yet, and conclude the experiment.

        Raises:
            InfrastructureError: something around the cases failed; what is finished is kept.
        """
        opened = self.experiment
        chosen = ChosenCases(experiment=opened, chosen=[*self.cases.values()])
        with contextlib.ExitStack() as stack:
            throughput = Throughput.of(self.evaluator.suite, experiment=opened.record.experiment)
            stack.enter_context(contextlib.closing(throughput))
            name = opened.record.experiment
            claim = stack.enter_context(
                claim_cases(opened.store, opened.record.suite, name, run_id=run_id, cases=self.cases)
            )
            run = stack.enter_context(begin_run(opened, self.evaluator, chosen, run_id=run_id, claim=claim))
            run.restore_rows()
            recorder = stack.enter_context(run.recorder())
            left = {key_of(attempt): attempt for attempt in run.left}

            async def score_all() -> None:
                for result in self._without_answer(left, run):
                    await recorder.add(result)
                    on_result(result)
                await make_attempts(
                    run.evaluator, self._answered(left), recorder=recorder, throughput=throughput, on_result=on_result
                )

            run_in_loop(score_all())
        return conclude(opened.store, opened.suite.spec, opened.record, opened.settings, folder=opened.suite.folder)

    def _answered(self, left: Mapping[AttemptKey, Attempt]) -> Iterable[Attempt]:
        for result in self.answers:
            attempt = left.get((result.case_id, result.attempt))
            if attempt is not None and result.error is None:
                yield replace(attempt, stored=StoredAnswer(result=result, only=self.only))

    def _without_answer(self, left: Mapping[AttemptKey, Attempt], run: ExperimentRun) -> Iterator[CaseResult]:
        """The results of attempts whose target broke: there is nothing to score, and they still count as errors."""
        for result in self.answers:
            attempt = left.get((result.case_id, result.attempt))
            if attempt is not None and result.error is not None:
                own = not_carried_out(run.evaluator.fingerprints, attempt.case)
                yield run.reused(replace(result, assertions=tuple(own)))


def open_rescoring(
    store: Store,
    suite: Suite,
    source: ExperimentRecord,
    settings: LangSmithSettings,
    *,
    launch_id: str,
    only: Iterable[str] = (),
    resume: bool = False,
    dry_run: bool = False,
    launched_by: Mapping[str, str] | None = None,
) -> Rescoring:
    """The answers of `source`, to be scored by the assertions of `suite`.

    Args:
        store: has the experiment.
        suite: as it is now; its target is not opened.
        source: whose answers are scored.
        settings: where traces go, and what is redacted.
        launch_id: names the new experiment.
        only: the metrics to score again; by default all whose assertion has changed.
        resume: whether the latest experiment that scores these answers is continued.
        dry_run: whether nothing is written.
        launched_by: as `ExperimentRecord.launched_by`.

    Raises:
        InputError: the suite or a case cannot be used; there is nothing to resume.
        MissingUpstreamError: the context or the dataset of `source` is gone.
    """
    dataset = load_valid_dataset(suite, settings)
    unprompted = suite
    if isinstance(suite.spec.target, PromptedTarget):  # the target's is not needed, and may be gone
        target = suite.spec.target.model_copy(update={"prompt": None, "variables": {}, "fallback": None})
        unprompted = replace(suite, spec=suite.spec.model_copy(update={"target": target}))
    prompts = prompts_of(unprompted, settings)
    pinned: dict[PromptRole, PinnedPrompt] = dict(prompts.pinned or {})
    if "target" in (source.prompts or {}):
        pinned["target"] = (source.prompts or {})["target"]
    corrections = corrections_now(suite, store)
    record = ExperimentRecord(
        suite=suite.name,
        experiment=experiment_name(suite.name, launch_id),
        created_at=timestamp(),
        dataset_version=dataset.version,
        context_id=source.context_id,
        target_version=source.target_version,
        variant=source.variant,
        prompts=pinned or None,
        corrections=corrections,
        metrics=metric_versions(prompts.applied(with_pulled_corrections(suite, store, corrections))),
        repetitions=source.repetitions,
        launched_by=launched_by or {},
        scores_of=source.experiment,
    )
    if resume:
        record = _latest_of(store, source)
    elif not dry_run:
        keep_dataset(suite, store, dataset, settings)
        record = pin_experiment(store, record)
    experiment = OpenExperiment(store=store, suite=suite, settings=settings, record=record, prompts=prompts)
    evaluator = open_evaluator(
        suite,
        store,
        pins=Pins(
            experiment=record.experiment,
            dataset_version=record.dataset_version,
            context_id=record.context_id,
            target_version=record.target_version,
            variant=record.variant,
        ),
        prompts=prompts,
        corrections=record.corrections,
        context=experiment.context,
        settings=settings,
        # Recordings are read again, with what they hold besides messages.
        target=_stored_target(store, source) if suite.spec.target.live else None,
    )
    cases, changed = _with_answers(evaluator, dataset.cases, written_cases(store, suite, source.dataset_version))
    return Rescoring(
        experiment=experiment,
        evaluator=evaluator,
        source=source,
        cases=cases,
        changed=changed,
        only=frozenset(only),
    )


def _latest_of(store: Store, source: ExperimentRecord) -> ExperimentRecord:
    records = experiments_newest_first(store, source.suite)
    record = next((record for record in records if record.scores_of == source.experiment), None)
    if record is None:
        message = f"no experiment scores the answers of {source.experiment}"
        raise InputError(Problem(message=message, fix="leave out --resume"))
    return record


def _with_answers(
    evaluator: CaseEvaluator, cases: Iterable[Case], answered: Iterable[Case]
) -> tuple[dict[str, Case], tuple[str, ...]]:
    """The cases that ask what they asked then, by id, and the ids of those that were answered and do not."""
    inputs = evaluator.fingerprints.inputs
    then: dict[str, Any] = {case.id: inputs(case) for case in answered}
    same = {case.id: case for case in cases if case.id in then and then[case.id] == inputs(case)}
    return same, tuple(sorted(then.keys() - same.keys()))


class _StoredTarget(LiveSessionFactory):
    """The target of an experiment that calls none: as many attempts at a case as have an answer."""

    reads_case = False

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = numbers

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """The number of attempts at `case` in the experiment whose answers are scored."""
        del repetitions
        return self._numbers.get(case.id, 0)

    def open(self, case: Case, *, attempt: int, thread_id: str) -> Any:
        """Not called: every attempt has a stored answer."""
        raise NotImplementedError


def _stored_target(store: Store, source: ExperimentRecord) -> SessionFactory:
    log, numbers = ResultLogView.open(store, source.suite, source.experiment), dict[str, int]()
    for case_id, number in log.attempts:
        numbers[case_id] = max(number, numbers.get(case_id, 0))
    return _StoredTarget(numbers)
