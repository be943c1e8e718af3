"""Reusing results of earlier experiments for attempts whose fingerprint has not changed, or else their answers.

An attempt's fingerprint is a hash of all that its result depends on (`CaseEvaluator.fingerprint`); its answer's, of
what the target's answer depends on. An answer that is reused is scored by the assertions that have changed.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.attempt_runtime import placed_assertions
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.evaluation.redacting import is_redacted
from eval_pipeline.evaluation.stored_answer import StoredAnswer
from eval_pipeline.results.case_result import COMPLETED, CaseResult, ReusedFrom
from eval_pipeline.results.experiment_record import ExperimentRecord, experiments_newest_first
from eval_pipeline.results.log_view import ReadsAlike, ResultLogView, never_alike
from eval_pipeline.results.result_log import AttemptKey
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.stored import Fingerprinted

MOST_EXPERIMENTS = 20
"""How far back results are looked for; each that is reused is in the latest experiment again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ReusableResults:
    """Results of earlier experiments that stand for attempts of one experiment."""

    record: ExperimentRecord
    """Of the experiment that reuses them."""
    fingerprints: Mapping[AttemptKey, str]
    """Of the attempts that they were looked for."""
    sources: Sequence[tuple[ResultLogView, Mapping[AttemptKey, str]]]
    """The logs that hold them, with the attempts that each is used for and their fingerprints there, the latest
    experiment first."""

    @property
    def attempts(self) -> set[AttemptKey]:
        """The attempts that need not be made."""
        return {key for _, attempts in self.sources for key in attempts}

    def results(self) -> Iterator[CaseResult]:
        """The results, as results of this experiment, without a row in it yet. One reused before keeps its origin."""
        left = self.attempts
        for log, attempts in self.sources:
            for result in log.results(attempts):
                key = (result.case_id, result.attempt)
                same = result.fingerprint == attempts[key] and result.status in COMPLETED
                if same and key in left:
                    left.remove(key)
                    # Of an attempt that reads the same of another context, the fingerprint is another one now.
                    yield replace(as_reused(result, self.record), fingerprint=self.fingerprints[key])


def find_reusable(
    store: Store,
    record: ExperimentRecord,
    fingerprints: Mapping[AttemptKey, str],
    alike: ReadsAlike = never_alike,
) -> ReusableResults:
    """Look for results with these fingerprints, in the latest experiments first; transcripts are not read.

    Args:
        store: where experiments are.
        record: of the experiment that reuses them.
        fingerprints: of its attempts.
        alike: whether an attempt with another fingerprint would read the same of the context.
    """
    sources = _found(store, record, fingerprints, ResultLogView.reusable, alike)
    return ReusableResults(record=record, fingerprints=fingerprints, sources=sources)


@dataclass(frozen=True, kw_only=True)
class ReusableAnswers:
    """Answers of earlier experiments that stand for those of the target."""

    evaluator: CaseEvaluator
    attempts: Sequence[Attempt]
    """That are to be made."""
    fingerprints: Mapping[AttemptKey, str]
    """Of their answers."""
    sources: Sequence[tuple[ResultLogView, Mapping[AttemptKey, str]]]
    """The logs that hold answers, with the attempts that each is used for and the fingerprints of their answers there,
    the latest experiment first."""

    @classmethod
    def none(cls, evaluator: CaseEvaluator, attempts: Sequence[Attempt]) -> Self:
        """The attempts, none of which has a stored answer."""
        return cls(evaluator=evaluator, attempts=attempts, fingerprints={}, sources=())

    def __len__(self) -> int:
        return len(self.attempts)

    def __iter__(self) -> Iterator[Attempt]:
        """The attempts, those with a stored answer first; one segment of answers is in memory."""
        left = {(attempt.case.id, attempt.number): attempt for attempt in self.attempts}
        for log, keys in self.sources:
            for result in log.latest_results(keys):
                key = (result.case_id, result.attempt)
                if key in left and result.answer_fingerprint == keys[key]:
                    stored = StoredAnswer(result=result)
                    if stands_for_target(stored, left[key].case, self.evaluator):
                        yield replace(left.pop(key), stored=stored)
        yield from left.values()


def find_answers(
    store: Store, record: ExperimentRecord, evaluator: CaseEvaluator, attempts: Sequence[Attempt]
) -> ReusableAnswers:
    """Look for answers to these attempts, in the latest experiments first; transcripts are not read yet."""
    fingerprints = {
        (attempt.case.id, attempt.number): evaluator.answer_fingerprint(attempt.case) for attempt in attempts
    }
    cases = {attempt.case.id: attempt.case for attempt in attempts}

    def alike(key: AttemptKey, without_context: str | None, reads: str | None) -> bool:
        return evaluator.fingerprints.answer_reads_alike(cases[key[0]], without_context, reads)

    sources = _found(store, record, fingerprints, ResultLogView.answered, alike)
    return ReusableAnswers(evaluator=evaluator, attempts=attempts, fingerprints=fingerprints, sources=sources)


def with_unchanged_reads(
    store: Store, evaluator: CaseEvaluator, cases: Mapping[str, Fingerprinted], fingerprints: Mapping[str, str]
) -> set[str]:
    """The cases whose results depend on nothing that has changed: the context has, but not what was read of it.

    Args:
        store: where the results are.
        evaluator: as a run now would have it.
        cases: by id.
        fingerprints: of their latest results, by the cases' ids.
    """
    missing, unchanged = dict(fingerprints), set[str]()
    for record in experiments_newest_first(store, evaluator.suite.name)[:MOST_EXPERIMENTS]:
        if not missing:
            break
        try:
            reads = ResultLogView.open(store, record.suite, record.experiment).reads_of(missing)
        except CorruptDataError as error:
            _log.warning("the reads in %s are not known: %s", record.experiment, error)
            continue
        for case_id, attempts in reads.items():
            del missing[case_id]
            if all(evaluator.fingerprints.reads_alike(cases[case_id], *each) for each in attempts):
                unchanged.add(case_id)
    return unchanged


def stands_for_target(stored: StoredAnswer, case: Case, evaluator: CaseEvaluator) -> bool:
    """Whether all that is to be scored can be scored on a stored answer.

    Not if the target broke; nor, for what has no stored score, if something in the answer was redacted, or if an
    assertion looks at the runs of the attempt, which are not stored.
    """
    if stored.result.error is not None:
        return False
    folder = evaluator.suite.folder
    redacted: bool | None = None
    for turn, assertions in placed_assertions(evaluator.suite.spec.assertions, case, turns=len(stored.result.turns)):
        for assertion, identity in evaluator.fingerprints.scores(assertions, case):
            if not stored.scores(turn, identity.fingerprint, assertion.metric):
                redacted = is_redacted(stored.result.turns) if redacted is None else redacted
                if redacted or not assertion.scores_stored(folder):
                    return False
    return True


def _found(
    store: Store,
    record: ExperimentRecord,
    fingerprints: Mapping[AttemptKey, str],
    matching: Callable[[ResultLogView, Mapping[AttemptKey, str], ReadsAlike], Mapping[AttemptKey, str]],
    alike: ReadsAlike,
) -> list[tuple[ResultLogView, Mapping[AttemptKey, str]]]:
    """The logs of the latest experiments that have what matches, each with the attempts that it is used for."""
    missing = dict(fingerprints)
    sources: list[tuple[ResultLogView, Mapping[AttemptKey, str]]] = []
    # The variant is a part of the fingerprint, so that another variant's results never match.
    earlier = [
        each
        for each in experiments_newest_first(store, record.suite)
        if each.experiment != record.experiment and each.variant == record.variant
    ]
    for each in earlier[:MOST_EXPERIMENTS]:
        if not missing:
            break
        try:
            log = ResultLogView.open(store, each.suite, each.experiment)
        except CorruptDataError as error:
            _log.warning("nothing is reused from %s: %s", each.experiment, error)
            continue
        attempts = matching(log, missing, alike)
        if attempts:
            sources.append((log, attempts))
            missing = {key: fingerprint for key, fingerprint in missing.items() if key not in attempts}
    return sources


def as_reused(result: CaseResult, record: ExperimentRecord) -> CaseResult:
    """A result of an earlier experiment as one of `record`, without a row in it yet."""
    origin = ReusedFrom(experiment=result.experiment, run_id=result.run_id, trace_url=result.trace_url)
    made_in = (result.reused_from or origin).experiment
    return replace(
        result,
        assertions=tuple(replace(each, reused_from=each.reused_from or made_in) for each in result.assertions),
        experiment=record.experiment,
        dataset_version=record.dataset_version,
        context_id=record.context_id,
        reused_from=result.reused_from or origin,
        trace_id=None,
        run_id=None,
        trace_url=None,
    )
