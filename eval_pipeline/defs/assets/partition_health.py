"""Which partitions of `case_results` have to be evaluated: failed, errored, stale, never run; `partitions_up_to_date`.

The check's own step is left out of the job: Dagster skips what comes after an asset whose partitions are reported by
events. A run reports the check by an event of its own instead, when it is summarized.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import dagster as dg

from eval_pipeline.assertions.judges.pulled_corrections import corrections_now
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
from eval_pipeline.defs.assets.versions import LastResult, result_of_version
from eval_pipeline.defs.metadata import CONTEXT_ID, DATASET_VERSION
from eval_pipeline.defs.partitions import cases_partitions
from eval_pipeline.evaluation.evaluator import Pins
from eval_pipeline.pipeline.begin import open_evaluator
from eval_pipeline.pipeline.reuse import with_unchanged_reads
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.results.experiment_record import latest_experiment
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import fingerprinted_cases
from eval_pipeline.suite.documents.gc_paused import gc_paused
from eval_pipeline.suite.suite import Suite
from eval_pipeline.targets.opening import target_version
from eval_pipeline.wording import counted

PARTITIONS_UP_TO_DATE = "partitions_up_to_date"

_Check = TypeVar("_Check", dg.AssetCheckEvaluation, dg.AssetCheckResult)
_ASKED_AT_ONCE = 1_000
"""Partitions in one query, which SQLite and Postgres both take."""
_SAMPLE = 20
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class PartitionHealth:
    """Case ids, each in one of the lists at most, sorted."""

    cases: int
    failed: tuple[str, ...]
    """The newest run over it failed before it had a result."""
    errored: tuple[str, ...]
    """Its newest result is an error."""
    stale: tuple[str, ...]
    """What its newest result depended on has changed: case, context, target, assertions or judge."""
    never_run: tuple[str, ...]
    running: tuple[str, ...]
    """A run evaluates it right now, so nothing is to be done."""

    @property
    def due(self) -> tuple[str, ...]:
        """All that should be evaluated, the failed ones first."""
        return self.failed + self.errored + self.never_run + self.stale

    @property
    def message(self) -> str:
        """The counts, in a line."""
        lists = {
            "failed to run": self.failed,
            "ended in an error": self.errored,
            "never ran": self.never_run,
            "outdated": self.stale,
            "running": self.running,
        }
        counts = [f"{len(ids)} {name}" for name, ids in lists.items() if ids]
        if not counts:
            return f"all {self.cases} cases have a current result" if self.cases != 1 else "1 case has a current result"
        return f"of {counted(self.cases, 'case')}: {', '.join(counts)}"

    def what_to_do(self, suite: str) -> str:
        """How to evaluate the cases that are due, in a terminal or in the UI."""
        if not self.due:
            return "nothing"
        named = " ".join(f"--case {name}" for name in self.due[:_NAMED])
        more = f" and {len(self.due) - _NAMED} more" if len(self.due) > _NAMED else ""
        why = " Look at the runs of those that failed to run first." if self.failed else ""
        return (
            f"Evaluate them: `eval-pipeline run {suite} {named}`{more}, or materialize their partitions of "
            f"`{suite}/case_results`.{why}"
        )


def partition_health(
    fingerprints: Mapping[str, str], last: Mapping[str, LastResult], *, failed: Container[str], running: Container[str]
) -> PartitionHealth:
    """The health of all partitions.

    Args:
        fingerprints: by case id, the fingerprint that a result made now would have.
        last: the newest results, by case id; a case without one was never run.
        failed: cases whose newest run failed before it had a result of them.
        running: cases that a run evaluates now.
    """
    names = ("failed", "errored", "stale", "never_run", "running", "up_to_date")
    lists: dict[str, list[str]] = {name: [] for name in names}
    for name in sorted(fingerprints):
        lists[_list_of(name, fingerprints[name], last.get(name), failed, running)].append(name)
    del lists["up_to_date"]
    return PartitionHealth(cases=len(fingerprints), **{name: tuple(ids) for name, ids in lists.items()})


def sample(case_ids: Sequence[str]) -> str:
    """The first ids, and how many more there are."""
    more = f" and {len(case_ids) - _SAMPLE} more" if len(case_ids) > _SAMPLE else ""
    return f"{', '.join(case_ids[:_SAMPLE])}{more}" if case_ids else "none"


def _list_of(
    name: str, fingerprint: str, last: LastResult | None, failed: Container[str], running: Container[str]
) -> str:
    if name in running:
        return "running"
    if name in failed:
        return "failed"
    if last is not None and last.broke:
        return "errored"
    if last is None:
        return "never_run"
    return "up_to_date" if last.fingerprint == fingerprint else "stale"


def read_partition_health(context: Context, suite: Suite, store: Store, settings: LangSmithSettings) -> PartitionHealth:
    """The health of the partitions of the latest dataset, from Dagster and the store.

    Raises:
        MissingUpstreamError: there is no dataset yet, or the context's snapshot is gone.
        CorruptDataError: the dataset is gone from the store.
        InputError: the target cannot be opened, or a prompt is not there.
    """
    version, context_id = _dataset_and_context(context, suite, store)
    shared = None if context_id is None else SharedContext.open(store, suite.name, context_id)
    prompts = prompts_of(suite, settings)
    target = target_version(suite, prompts)
    evaluator = open_evaluator(
        suite,
        store,
        pins=Pins(experiment="", dataset_version=version, context_id=context_id, target_version=target),
        prompts=prompts,
        corrections=corrections_now(suite, store),
        context=shared,
        settings=settings,
    )
    with gc_paused():
        cases = {case.id: case for case in fingerprinted_cases(store, suite, version)}
        fingerprints = {case_id: evaluator.fingerprint(case) for case_id, case in cases.items()}
    key, case_ids = asset_key(suite, CASE_RESULTS), sorted(fingerprints)
    by_partition = context.instance.get_status_by_partition(key, case_ids, cases_partitions(suite.name)) or {}
    statuses = {name: status.value for name, status in by_partition.items() if status is not None}
    last = _last_results(context.instance, key, [name for name in case_ids if name in statuses])
    outdated = {
        name: result.fingerprint
        for name, result in last.items()
        if name in fingerprints and result.fingerprint not in (None, fingerprints[name])
    }
    for name in with_unchanged_reads(store, evaluator, cases, outdated) if shared is not None else ():
        fingerprints[name] = outdated[name]
    return partition_health(
        fingerprints,
        last,
        failed={name for name, status in statuses.items() if status == "FAILED"},
        running={name for name, status in statuses.items() if status == "IN_PROGRESS"},
    )


def _dataset_and_context(context: Context, suite: Suite, store: Store) -> tuple[str, str | None]:
    """The latest dataset and context; in a Dagster home that materialized none, those of the latest experiment.

    A run there may have resumed an experiment that was begun with another home: they share the store only.
    """
    version = find_latest(context, suite, TEST_CASES, DATASET_VERSION)
    record = latest_experiment(store, suite.name) if version is None else None
    if record is not None:
        return record.dataset_version, record.context_id
    version = version or latest(context, suite, TEST_CASES, DATASET_VERSION)
    return version, find_latest(context, suite, SHARED_CONTEXT, CONTEXT_ID)


def up_to_date_check(health: PartitionHealth, suite: Suite, kind: type[_Check]) -> _Check:
    """The check's outcome: as an event (`AssetCheckEvaluation`), or as the result of its own step."""
    return kind(
        asset_key=asset_key(suite, CASE_RESULTS),
        check_name=PARTITIONS_UP_TO_DATE,
        passed=not health.due,
        severity=dg.AssetCheckSeverity.WARN,
        description=health.message,
        metadata=_metadata(suite, health),
    )


def _metadata(suite: Suite, health: PartitionHealth) -> dict[str, dg.MetadataValue[Any]]:
    lists: dict[str, Sequence[str]] = {
        "failed": health.failed,
        "errored": health.errored,
        "never_run": health.never_run,
        "stale": health.stale,
        "running": health.running,
    }
    return {
        "cases": dg.MetadataValue.int(health.cases),
        **{name: dg.MetadataValue.int(len(ids)) for name, ids in lists.items()},
        **{f"{name}_cases": dg.MetadataValue.text(sample(ids)) for name, ids in lists.items() if ids},
        "what_to_do": dg.MetadataValue.text(health.what_to_do(suite.name)),
    }


def _last_results(instance: dg.DagsterInstance, key: dg.AssetKey, case_ids: Sequence[str]) -> Mapping[str, LastResult]:
    versions = newest_versions(instance, key)
    by_version = {name: last for name in case_ids if (last := result_of_version(versions.get(name, ""))) is not None}
    return {**by_version, **dict(_read_results(instance, key, [name for name in case_ids if name not in by_version]))}


def _read_results(
    instance: dg.DagsterInstance, key: dg.AssetKey, case_ids: Sequence[str]
) -> Iterator[tuple[str, LastResult]]:
    """From whole events, for partitions whose version was written by other code."""
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
        yield from (event for record in page.records if (event := record.asset_materialization) is not None)
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
