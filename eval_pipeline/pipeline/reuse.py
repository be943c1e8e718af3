"""Results of earlier experiments that stand for attempts of which nothing has changed since.

An attempt's fingerprint is all its result depends on (`Evaluator.fingerprint`).
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.results.case_result import CaseResult, ReusedFrom
from eval_pipeline.results.experiment_record import ExperimentRecord, experiments_newest_first
from eval_pipeline.results.result_log import AttemptKey, read_results, results_of
from eval_pipeline.store.store import Store

MOST_EXPERIMENTS = 20
"""How far back results are looked for; each that is carried is in the latest experiment again."""
_FINISHED = frozenset({"passed", "failed"})

_log = logging.getLogger(__name__)

Found = Mapping[str, set[AttemptKey]]
"""By experiment, the attempts whose results it has."""


def find_unchanged(store: Store, record: ExperimentRecord, wanted: Mapping[AttemptKey, str]) -> Found:
    """Where results of attempts are that have the fingerprints `wanted`, the latest first; transcripts are not read."""
    missing = dict(wanted)
    found: dict[str, set[AttemptKey]] = {}
    # The variant is a part of the fingerprint: another one's results are never found.
    earlier = [
        each
        for each in experiments_newest_first(store, record.suite)
        if each.experiment != record.experiment and each.variant == record.variant
    ]
    for each in earlier[:MOST_EXPERIMENTS]:
        if not missing:
            break
        there = _fingerprints(store, each)
        here = {key for key, fingerprint in missing.items() if there.get(key) == fingerprint}
        if here:
            found[each.experiment] = here
            missing = {key: fingerprint for key, fingerprint in missing.items() if key not in here}
    return found


def unchanged_results(
    store: Store, record: ExperimentRecord, found: Found, wanted: Mapping[AttemptKey, str]
) -> Iterator[CaseResult]:
    """The results that `find_unchanged` found, as results of this experiment, without a row in it yet.

    One that was carried before keeps its origin.
    """
    for experiment, keys in found.items():
        left = set(keys)
        for result in results_of(store, record.suite, experiment, keys):
            key = (result.case_id, result.attempt)
            if key in left and result.fingerprint == wanted[key] and result.status in _FINISHED:
                left.remove(key)
                yield _carried(result, record)


def _carried(result: CaseResult, record: ExperimentRecord) -> CaseResult:
    origin = ReusedFrom(experiment=result.experiment, run_id=result.run_id, trace_url=result.trace_url)
    return replace(
        result,
        experiment=record.experiment,
        dataset_version=record.dataset_version,
        context_id=record.context_id,
        carried_from=result.carried_from or origin,
        trace_id=None,
        run_id=None,
        trace_url=None,
    )


def _fingerprints(store: Store, record: ExperimentRecord) -> dict[AttemptKey, str]:
    try:
        rows = read_results(store, record.suite, record.experiment, columns=["status", "fingerprint"]).to_pylist()
    except CorruptDataError as error:
        _log.warning("nothing is carried from %s: %s", record.experiment, error)
        return {}
    return {(row["case_id"], row["attempt"]): row["fingerprint"] for row in rows if row["status"] in _FINISHED}
