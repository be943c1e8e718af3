"""Which partitions of `case_results` need somebody, as Dagster and the store know it.

The check's own step is left out of the job: Dagster skips what comes after an asset whose partitions are reported by
events. A run says it by an event of its own instead, when it is summarized.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import dagster as dg

from eval_pipeline.assertions.judges.pulled_corrections import corrections_now, with_pulled_corrections
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.dagster_ext.newest_versions import newest_versions
from eval_pipeline.defs.assets.upstream import (
    CASE_RESULTS,
    SHARED_CONTEXT,
    TEST_CASES,
    Context,
    asset_key,
    find_latest,
    latest,
)
from eval_pipeline.defs.assets.versions import result_of_version
from eval_pipeline.defs.metadata import CONTEXT_ID, DATASET_VERSION
from eval_pipeline.defs.partitions import cases_partitions
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.results.case_health import LastResult, Upkeep, sample, upkeep_of
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import fingerprinted_cases
from eval_pipeline.suite.documents.gc_paused import gc_paused
from eval_pipeline.suite.suite import Suite
from eval_pipeline.targets.opening import open_target, target_version

PARTITIONS_UP_TO_DATE = "partitions_up_to_date"

_Said = TypeVar("_Said", dg.AssetCheckEvaluation, dg.AssetCheckResult)
_ASKED_AT_ONCE = 1_000
"""Partitions in one query, which SQLite and Postgres both take."""


def read_upkeep(context: Context, suite: Suite, store: Store, settings: LangSmithSettings) -> Upkeep:
    """How the cases of the latest dataset stand.

    Raises:
        MissingUpstreamError: there is no dataset yet, or the context's snapshot is gone.
        CorruptDataError: the dataset is gone from the store.
        InputError: the target cannot be opened, or a prompt is not there.
    """
    version = latest(context, suite.name, TEST_CASES, DATASET_VERSION)
    context_id = find_latest(context, suite.name, SHARED_CONTEXT, CONTEXT_ID)
    shared = None if context_id is None else SharedContext.open(store, suite.name, context_id)
    prompts = prompts_of(suite, settings)
    corrected = with_pulled_corrections(suite, store, corrections_now(suite, store))
    applied, now = prompts.applied(corrected), target_version(suite, prompts)
    pins = Pins(experiment="", dataset_version=version, context_id=context_id, target_version=now)
    evaluator = CaseEvaluator(suite=applied, target=open_target(applied, prompts), context=shared, pins=pins)
    with gc_paused():
        present = {case.id: evaluator.fingerprint(case) for case in fingerprinted_cases(store, suite, version)}
    key, case_ids = asset_key(suite.name, CASE_RESULTS), sorted(present)
    found = context.instance.get_status_by_partition(key, case_ids, cases_partitions(suite.name)) or {}
    statuses = {name: status.value for name, status in found.items() if status is not None}
    return upkeep_of(
        present,
        _last_results(context.instance, key, [name for name in case_ids if name in statuses]),
        failed={name for name, status in statuses.items() if status == "FAILED"},
        running={name for name, status in statuses.items() if status == "IN_PROGRESS"},
    )


def said_of(upkeep: Upkeep, suite: Suite, kind: type[_Said]) -> _Said:
    """What the check says: as an event (`AssetCheckEvaluation`), or as the result of its own step."""
    return kind(
        asset_key=asset_key(suite.name, CASE_RESULTS),
        check_name=PARTITIONS_UP_TO_DATE,
        passed=not upkeep.due,
        severity=dg.AssetCheckSeverity.WARN,
        description=upkeep.said,
        metadata=_metadata(suite, upkeep),
    )


def _metadata(suite: Suite, upkeep: Upkeep) -> dict[str, dg.MetadataValue[Any]]:
    lists: dict[str, Sequence[str]] = {
        "failed": upkeep.failed,
        "never_run": upkeep.never_run,
        "stale": upkeep.stale,
        "running": upkeep.running,
    }
    return {
        "cases": dg.MetadataValue.int(upkeep.cases),
        **{name: dg.MetadataValue.int(len(ids)) for name, ids in lists.items()},
        **{f"{name}_cases": dg.MetadataValue.text(sample(ids)) for name, ids in lists.items() if ids},
        "what_to_do": dg.MetadataValue.text(upkeep.what_to_do(suite.name)),
    }


def _last_results(instance: dg.DagsterInstance, key: dg.AssetKey, case_ids: Sequence[str]) -> Mapping[str, LastResult]:
    versions = newest_versions(instance, key)
    told = {name: found for name in case_ids if (found := result_of_version(versions.get(name, ""))) is not None}
    return {**told, **dict(_read_results(instance, key, [name for name in case_ids if name not in told]))}


def _read_results(
    instance: dg.DagsterInstance, key: dg.AssetKey, case_ids: Sequence[str]
) -> Iterator[tuple[str, LastResult]]:
    """From whole events, for those whose version tells nothing."""
    for start in range(0, len(case_ids), _ASKED_AT_ONCE):
        asked = case_ids[start : start + _ASKED_AT_ONCE]
        missing = set(asked)
        for materialization in _newest_first(instance, key, asked):
            if materialization.partition in missing:
                missing.remove(materialization.partition)
                yield materialization.partition, _last_result(materialization)
            if not missing:
                break


def _newest_first(
    instance: dg.DagsterInstance, key: dg.AssetKey, case_ids: Sequence[str]
) -> Iterable[dg.AssetMaterialization]:
    cursor: str | None = None
    while True:
        asked = dg.AssetRecordsFilter(asset_key=key, asset_partitions=case_ids)
        page = instance.fetch_materializations(asked, limit=_ASKED_AT_ONCE, cursor=cursor)
        yield from (found for each in page.records if (found := each.asset_materialization) is not None)
        if not page.has_more:
            return
        cursor = page.cursor


def _last_result(materialization: dg.AssetMaterialization) -> LastResult:
    fingerprint = materialization.metadata.get("eval/fingerprint")
    statuses = materialization.metadata.get("eval/status")
    return LastResult(
        fingerprint=None if fingerprint is None else str(fingerprint.value),
        broke=statuses is not None and "error" in str(statuses.value).split(", "),
    )
