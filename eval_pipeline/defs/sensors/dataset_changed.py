"""The sensor that keeps a suite's partitions equal to its cases and evaluates the cases that are new or changed.

If the cases cannot be read, the tick fails and changes nothing.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.defs.assets.case_results import case_results_op_name
from eval_pipeline.defs.assets.upstream import TEST_CASES, asset_key
from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.metadata import DATASET_VERSION
from eval_pipeline.defs.partitions import SUITE_TAG, range_tags, sync_partitions
from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.defs.upstream_reader import reader_of
from eval_pipeline.langsmith.datasets import DatasetVersion
from eval_pipeline.store.store import Store
from eval_pipeline.suite.check import require_sound
from eval_pipeline.suite.dataset.dataset import Dataset, DatasetChanges, dataset_changes
from eval_pipeline.suite.dataset.load import asset_versions, case_files, dataset_versions, load_dataset
from eval_pipeline.suite.dataset.stored import store_dataset, stored_hashes
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suite.upstream_assets import assets_read_by

TRIGGER_TAG = "eval/trigger"


class SeenDataset(BaseModel):
    """The cursor: the dataset at the last tick."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    files: str
    """Digest of the case files and of the versions of LangSmith datasets; while it is equal, no file is parsed."""
    dataset_version: str
    unfinished: bool = False
    """Whether partitions remain to be deleted when no run is in progress."""
    since: int
    """The time of the first tick, in seconds since 1970."""
    changes: int = 0
    """How many changes were detected since then; with `since`, it makes run keys unique."""


@dataclass(frozen=True, kw_only=True)
class DatasetDecision:
    """What a tick does."""

    evaluate: tuple[str, ...]
    """Case ids, sorted."""
    run_key: str
    seen: SeenDataset
    reason: str


def decide(
    suite: str,
    *,
    seen: SeenDataset | None,
    before: Mapping[str, str] | None,
    before_version: str | None,
    now: Dataset,
    files: str,
    at: float,
) -> DatasetDecision:
    """Decide which cases to evaluate.

    Args:
        suite: the name of the suite.
        seen: the cursor; None at the first tick, or if it cannot be read.
        before: the content hash of each case at the last tick; None if unknown. Then nothing is evaluated, because
            turning on a sensor should cost nothing.
        before_version: the dataset version at the last tick.
        now: the current dataset.
        files: the current `sources_digest`.
        at: the current time, in seconds since 1970.
    """
    changes = dataset_changes(before, now) if before is not None else DatasetChanges(added=(), changed=(), removed=())
    changed = before_version != now.version
    following = SeenDataset(
        files=files,
        dataset_version=now.version,
        since=int(at) if seen is None else seen.since,
        changes=0 if seen is None else seen.changes + changed,
    )
    key = f"{suite}:{before_version}:{now.version}"
    return DatasetDecision(
        evaluate=tuple(sorted({*changes.added, *changes.changed})),
        # Dagster never launches a run key twice: a change that is undone and made again needs another key.
        run_key=key if seen is None else f"{key}:{following.since}:{following.changes}",
        seen=following,
        reason="first tick: later changes will be evaluated" if before is None else _described(changes),
    )


def read_cursor(text: str | None) -> SeenDataset | None:
    """Parse the cursor; None if there is none, or if another version wrote it."""
    try:
        return None if not text else SeenDataset.model_validate_json(text)
    except ValidationError:
        return None


def sources_digest(files: Iterable[Path], versions: Iterable[DatasetVersion | str] = ()) -> str:
    """A digest of files' names and contents and of the versions of datasets and assets, in 16 hex digits."""
    hashed = hashlib.sha256()
    for file in files:
        hashed.update(f"{file}\n".encode())
        hashed.update(hashlib.sha256(file.read_bytes()).digest())
    for version in versions:
        text = version if isinstance(version, str) else version.model_dump_json()
        hashed.update(f"{text}\n".encode())
    return hashed.hexdigest()[:16]


def build_dataset_changed(suite: Suite) -> dg.SensorDefinition:
    """The sensor `<suite>_dataset_changed`."""
    spec = suite.spec.sensors.dataset_changed

    @dg.sensor(
        name=f"{suite.name}_dataset_changed",
        job_name=job_name(suite.name),
        minimum_interval_seconds=spec.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING if spec.enabled else dg.DefaultSensorStatus.STOPPED,
        description=f"Keep the partitions of {suite.name} equal to its cases, and evaluate cases that changed.",
    )
    def dataset_changed(context: dg.SensorEvaluationContext, eval_store: StoreResource) -> dg.SensorResult:
        with assets_read_by(reader_of(context)):
            return _tick(suite, context, eval_store.open)

    return dataset_changed


def _tick(suite: Suite, context: dg.SensorEvaluationContext, store: Callable[[], Store]) -> dg.SensorResult:
    versions: list[DatasetVersion | str] = [*dataset_versions(suite), *asset_versions(suite)]
    seen, files = read_cursor(context.cursor), sources_digest(case_files(suite), versions)
    if seen is not None and seen.files == files and not seen.unfinished:
        return dg.SensorResult(skip_reason="the case files have not changed")
    dataset = load_dataset(suite)
    require_sound(suite, dataset.cases)
    opened = store()
    version = _materialized_version(context.instance, suite) if seen is None else seen.dataset_version
    before = None if version is None else stored_hashes(opened, suite.name, version)
    # The next tick compares with this version, even if the run never materializes it.
    store_dataset(opened, suite.name, dataset)
    decision = decide(
        suite.name,
        seen=seen,
        before=before,
        before_version=version,
        now=dataset,
        files=files,
        at=time.time(),
    )
    changes = sync_partitions(context.instance, suite.name, [case.id for case in dataset.cases])
    cursor = decision.seen.model_copy(update={"unfinished": bool(changes.deferred)}).model_dump_json()
    if not decision.evaluate:
        return dg.SensorResult(skip_reason=decision.reason, cursor=cursor)
    context.log.info("%s", decision.reason)
    return dg.SensorResult(run_requests=[_request(context.instance, suite, decision, dataset)], cursor=cursor)


def _request(instance: dg.DagsterInstance, suite: Suite, decision: DatasetDecision, dataset: Dataset) -> dg.RunRequest:
    # Dagster runs contiguous ranges of partitions; the run config selects the cases within the range.
    chosen = {} if len(decision.evaluate) == len(dataset.cases) else {"cases": list(decision.evaluate)}
    return dg.RunRequest(
        run_key=decision.run_key,
        run_config={"ops": {case_results_op_name(suite.name): {"config": chosen}}},
        tags={
            SUITE_TAG: suite.name,
            TRIGGER_TAG: "dataset_changed",
            **range_tags(instance, suite.name, decision.evaluate),
        },
    )


def _materialized_version(instance: dg.DagsterInstance, suite: Suite) -> str | None:
    """The dataset version of the latest materialization."""
    records = instance.fetch_materializations(asset_key(suite, TEST_CASES), limit=1).records
    materialization = records[0].asset_materialization if records else None
    version = None if materialization is None else materialization.metadata.get(DATASET_VERSION)
    return None if version is None else str(version.value)


def _described(changes: DatasetChanges) -> str:
    counts = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    parts = [f"{len(case_ids)} {name}" for name, case_ids in counts.items() if case_ids]
    return f"cases: {', '.join(parts)}" if parts else "the cases have not changed"
