"""Reusing results of earlier experiments for attempts whose fingerprint has not changed.

An attempt's fingerprint is a hash of all that its result depends on (`CaseEvaluator.fingerprint`).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.results.case_result import COMPLETED, CaseResult, ReusedFrom
from eval_pipeline.results.experiment_record import ExperimentRecord, experiments_newest_first
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.result_log import AttemptKey
from eval_pipeline.store.store import Store

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
    sources: Sequence[tuple[ResultLogView, set[AttemptKey]]]
    """The logs that hold them, with the attempts that each is used for, the latest experiment first."""

    @property
    def attempts(self) -> set[AttemptKey]:
        """The attempts that need not be made."""
        return set().union(*(attempts for _, attempts in self.sources))

    def results(self) -> Iterator[CaseResult]:
        """The results, as results of this experiment, without a row in it yet. One reused before keeps its origin."""
        left = self.attempts
        for log, attempts in self.sources:
            for result in log.results(attempts):
                key = (result.case_id, result.attempt)
                same = result.fingerprint == self.fingerprints[key] and result.status in COMPLETED
                if same and key in left:
                    left.remove(key)
                    yield _reused(result, self.record)


def find_reusable(store: Store, record: ExperimentRecord, fingerprints: Mapping[AttemptKey, str]) -> ReusableResults:
    """Look for results with these fingerprints, in the latest experiments first; transcripts are not read."""
    missing = dict(fingerprints)
    sources: list[tuple[ResultLogView, set[AttemptKey]]] = []
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
        attempts = log.reusable(missing)
        if attempts:
            sources.append((log, attempts))
            missing = {key: fingerprint for key, fingerprint in missing.items() if key not in attempts}
    return ReusableResults(record=record, fingerprints=fingerprints, sources=sources)


def _reused(result: CaseResult, record: ExperimentRecord) -> CaseResult:
    origin = ReusedFrom(experiment=result.experiment, run_id=result.run_id, trace_url=result.trace_url)
    return replace(
        result,
        experiment=record.experiment,
        dataset_version=record.dataset_version,
        context_id=record.context_id,
        reused_from=result.reused_from or origin,
        trace_id=None,
        run_id=None,
        trace_url=None,
    )
