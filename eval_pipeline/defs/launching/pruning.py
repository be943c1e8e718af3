"""What a suite's retention deletes, of the store, the recorder, the spool and Dagster.

Nothing is deleted that something refers to which is kept.

What only refers is deleted first: traces, reports and runs, then experiments, each beginning with its record, then
snapshots and datasets. So a deletion that is interrupted leaves no reference to what is gone, and the next one ends it.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from eval_pipeline.analysis.baseline import first_passed, last_passed, read_baseline
from eval_pipeline.context.manifest import find_manifest
from eval_pipeline.defs.assets.upstream import (
    CASE_RESULTS,
    EVALUATION_ASSETS,
    SHARED_CONTEXT,
    TEST_CASES,
    VARIANT_COMPARISON,
    asset_key,
)
from eval_pipeline.defs.metadata import CONTEXT_ID, DATASET_VERSION
from eval_pipeline.defs.partitions import IN_FLIGHT, concerns
from eval_pipeline.defs.sensors.dataset_changed import read_cursor
from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.reports import delete_report
from eval_pipeline.promotion.moves import read_moves
from eval_pipeline.results.experiment_record import ExperimentRecord, experiments_newest_first
from eval_pipeline.results.result_log import read_results
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.layout import (
    context_prefix,
    experiment_key,
    experiment_prefix,
    variants_key,
    variants_page_key,
    variants_prefix,
)
from eval_pipeline.store.store import Store
from eval_pipeline.suite.promoted_prompt import has_promotions, promoted_prompt
from eval_pipeline.suite.suite import LAST_PASSED, Suite
from eval_pipeline.tracing.experiment.trace_status import read_traced
from eval_pipeline.tracing.send.flush import spool_folder
from eval_pipeline.tracing.send.spool import SEALED
from eval_pipeline.variants.variant_comparison import VariantComparison, find_comparison
from eval_pipeline.variants.variant_plan import find_plan

_YOUNG = dt.timedelta(days=1)
"""Snapshots that are younger are kept: an experiment may be about to refer to them."""
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_ASKED_AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class PrunePlan:
    """What would be deleted."""

    experiments: tuple[str, ...]
    comparisons: tuple[str, ...]
    contexts: tuple[str, ...]
    datasets: tuple[str, ...]
    spooled: tuple[Path, ...]
    """Segments of the spool, older than experiments are kept."""
    runs: tuple[str, ...]
    """Ids of Dagster's runs."""
    kept: tuple[str, ...]
    """Experiments that are old enough, and are referred to."""

    @property
    def empty(self) -> bool:
        """Whether nothing is deleted."""
        parts = (self.experiments, self.comparisons, self.contexts, self.datasets, self.spooled, self.runs)
        return not any(parts)


def plan_prune(
    suite: Suite, store: Store, instance: dg.DagsterInstance, settings: LangSmithSettings, *, now: dt.datetime
) -> PrunePlan:
    """What the suite's retention deletes at a time.

    Raises:
        TransientError: a run of the suite is in progress.
    """
    _require_quiet(suite, instance)
    retention = suite.spec.retention
    before = None if retention.age is None else now - retention.age
    records = experiments_newest_first(store, suite.name)
    comparisons = _comparisons(store, suite.name)
    old = {each.experiment for each in records if before is not None and _moment(each.created_at) < before}
    named = _named_comparisons(suite, store)
    kept_comparisons = [
        each for each in comparisons if before is None or _moment(each.made_at) >= before or each.name in named
    ]
    needed = _needed(suite, store, records, kept_comparisons)
    needed |= {each.experiment for each in records} - old
    needed |= _origins(store, [each for each in records if each.experiment in needed])
    gone = old - needed
    kept = [each for each in records if each.experiment not in gone]
    contexts: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    if retention.contexts == "unreferenced":
        contexts, datasets = _unreferenced(suite, store, instance, kept, kept_comparisons, now)
    return PrunePlan(
        experiments=tuple(sorted(gone)),
        comparisons=tuple(sorted({each.name for each in comparisons} - {each.name for each in kept_comparisons})),
        contexts=contexts,
        datasets=datasets,
        spooled=() if before is None else tuple(_spooled(settings, before)),
        runs=() if before is None else tuple(_old_runs(suite, instance, before)),
        kept=tuple(sorted(old & needed)),
    )


def prune(
    plan: PrunePlan,
    suite: Suite,
    store: Store,
    instance: dg.DagsterInstance,
    settings: LangSmithSettings,
) -> None:
    """Delete it.

    Raises:
        TransientError: the recorder or the store cannot be reached; the next prune deletes the rest.
    """
    _forget_traces(plan, suite.name, store, settings)
    for file in plan.spooled:
        file.unlink(missing_ok=True)
    for run_id in plan.runs:
        instance.delete_run(run_id)
    for name in plan.comparisons:
        for key in (variants_key(suite.name, name), variants_page_key(suite.name, name)):
            store.delete(key)
    for experiment in plan.experiments:
        store.delete(experiment_key(suite.name, experiment))
        _delete_under(store, experiment_prefix(suite.name, experiment))
    for context_id in plan.contexts:
        store.delete(context_prefix(suite.name, context_id) + "manifest.json")
        _delete_under(store, context_prefix(suite.name, context_id))
    for version in plan.datasets:
        _delete_under(store, f"datasets/{suite.name}/{version}/")


def _require_quiet(suite: Suite, instance: dg.DagsterInstance) -> None:
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(IN_FLIGHT))):
        if concerns(record.dagster_run, suite.name):
            message = f"run {record.dagster_run.run_id} of {suite.name} is in progress"
            raise TransientError(message, fix="prune when it has ended")


def _needed(
    suite: Suite, store: Store, records: Iterable[ExperimentRecord], comparisons: Iterable[VariantComparison]
) -> set[str]:
    """The experiments that are kept whatever their age."""
    latest: dict[str | None, ExperimentRecord] = {}
    for record in records:
        latest.setdefault(record.variant, record)
    needed = {record.experiment for record in latest.values()}
    needed |= {standing.experiment for each in comparisons for standing in each.standings}
    if suite.spec.baseline_name not in (None, LAST_PASSED):
        needed.add(str(suite.spec.baseline_name))
    own = latest.get(None)
    if suite.spec.retention.keep_baselines:
        chosen = read_baseline(store, suite.name)
        passed = [] if own is None else [last_passed(store, own), first_passed(store, own, suite.spec.baseline_name)]
        needed |= {name for name in ([] if chosen is None else [chosen.experiment]) + passed if name is not None}
    return needed


def _origins(store: Store, records: Iterable[ExperimentRecord]) -> set[str]:
    """The experiments that these refer to: whose answers they score, and whose results they reused."""
    origins = set()
    for record in records:
        if record.scores_of is not None:
            origins.add(record.scores_of)
        rows = read_results(store, record.suite, record.experiment, columns=["carried_from", "answer_from"]).to_pylist()
        for row in rows:
            origins |= {origin["experiment"] for name in ("carried_from", "answer_from") if (origin := row.get(name))}
    return origins


def _comparisons(store: Store, suite: str) -> list[VariantComparison]:
    prefix = variants_prefix(suite)
    names = [key.removeprefix(prefix) for key in store.list(prefix)]
    stored = [name.removesuffix(".json") for name in names if name.endswith(".json") and "/" not in name]
    return [found for name in stored if (found := find_comparison(store, suite, name)) is not None]


def _named_comparisons(suite: Suite, store: Store) -> set[str]:
    """The comparisons that moves of the prompt's tag name."""
    if not has_promotions(suite):
        return set()
    moves = read_moves(store, promoted_prompt(suite))
    return {each.move.comparison for each in moves if each.move.comparison is not None}


def _unreferenced(
    suite: Suite,
    store: Store,
    instance: dg.DagsterInstance,
    records: Iterable[ExperimentRecord],
    comparisons: Iterable[VariantComparison],
    now: dt.datetime,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    plans = [plan for each in comparisons if (plan := find_plan(store, suite.name, each.name)) is not None]
    contexts = {each.context_id for each in records} | {plan.context_id for plan in plans}
    contexts.add(_latest(instance, suite, SHARED_CONTEXT, CONTEXT_ID))
    datasets = {each.dataset_version for each in records} | {plan.dataset_version for plan in plans}
    versions = {*datasets, _latest(instance, suite, TEST_CASES, DATASET_VERSION), *_seen_versions(instance, suite)}
    young = (now - _YOUNG).timestamp()
    return (
        tuple(
            name
            for name in _names(store, f"contexts/{suite.name}/")
            if name not in contexts and _built_at(store, suite.name, name) < young
        ),
        tuple(name for name in _names(store, f"datasets/{suite.name}/") if name not in versions),
    )


def _built_at(store: Store, suite: str, context_id: str) -> float:
    """When a snapshot was built; 0 for what is left of one that was not published."""
    manifest = find_manifest(store, suite, context_id)
    return 0.0 if manifest is None else _moment(manifest[0].created_at).timestamp()


def _latest(instance: dg.DagsterInstance, suite: Suite, asset: str, name: str) -> str | None:
    records = instance.fetch_materializations(asset_key(suite, asset), limit=1).records
    event = records[0].asset_materialization if records else None
    value = None if event is None else event.metadata.get(name)
    return None if value is None else str(value.value)


def _seen_versions(instance: dg.DagsterInstance, suite: Suite) -> Iterator[str]:
    """The dataset with which the next tick of `dataset_changed` compares."""
    for state in instance.all_instigator_state():
        if state.instigator_name == f"{suite.name}_dataset_changed":
            seen = read_cursor(getattr(state.instigator_data, "cursor", None))
            if seen is not None:
                yield seen.dataset_version


def _old_runs(suite: Suite, instance: dg.DagsterInstance, before: dt.datetime) -> Iterator[str]:
    """The runs that ended before a time, but for those that made what is the latest of an asset or a partition."""
    filters = dg.RunsFilter(statuses=_FINISHED, updated_before=before)
    old = [record.dagster_run for record in instance.get_run_records(filters)]
    mine = [run.run_id for run in old if concerns(run, suite.name)]
    latest = _runs_of_latest(suite, instance) if mine else set()
    yield from (run_id for run_id in mine if run_id not in latest)


def _runs_of_latest(suite: Suite, instance: dg.DagsterInstance) -> set[str]:
    keys = [asset_key(suite, name) for name in (*EVALUATION_ASSETS, VARIANT_COMPARISON)]
    runs = {record.run_id for key in keys for record in instance.fetch_materializations(key, limit=1).records}
    key = asset_key(suite, CASE_RESULTS)
    left = instance.get_materialized_partitions(key)
    cursor: str | None = None
    while left:
        page = instance.fetch_materializations(key, limit=_ASKED_AT_ONCE, cursor=cursor)
        for record in page.records:
            if record.partition_key in left:
                left.remove(record.partition_key)
                runs.add(record.run_id)
        if not page.has_more:
            break
        cursor = page.cursor
    return runs


def _spooled(settings: LangSmithSettings, before: dt.datetime) -> Iterator[Path]:
    for destination in settings.destinations:
        for file in sorted(spool_folder(settings, destination.name).glob(f"*{SEALED}")):
            if file.stat().st_mtime < before.timestamp():
                yield file


def _forget_traces(plan: PrunePlan, suite: str, store: Store, settings: LangSmithSettings) -> None:
    """Delete the traces and reports at the recorder. LangSmith has a retention of its own."""
    destination = next((each for each in settings.destinations if each.name == "recorder"), None)
    if destination is None or not (plan.experiments or plan.comparisons):
        return
    with Connection(destination, settings, insists=True) as connection:
        for experiment in plan.experiments:
            for session in {traced.session_id for traced in read_traced(store, suite, experiment)}:
                answer = connection.request("DELETE", f"/sessions/{session}")
                if not answer.ok and answer.status != 404:  # noqa: PLR2004 - deleted before
                    message = f"the recorder does not delete the traces of {experiment}: {answer.text}"
                    raise TransientError(message, fix="start it with `eval-pipeline recorder`, and prune again")
        for name in (*plan.experiments, *plan.comparisons):
            delete_report(connection, name)


def _delete_under(store: Store, prefix: str) -> None:
    for key in list(store.list(prefix)):
        store.delete(key)


def _names(store: Store, prefix: str) -> list[str]:
    return sorted({key.removeprefix(prefix).partition("/")[0] for key in store.list(prefix)})


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
