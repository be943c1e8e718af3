"""The dataset of a suite changed: partitions come and go, and what is new or changed is evaluated.

A look that cannot read the cases fails its tick and changes nothing: cases that cannot be read are not cases that
were removed.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping
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
from eval_pipeline.langsmith.datasets import DatasetVersion
from eval_pipeline.suite.checking.check import require_sound
from eval_pipeline.suite.dataset.dataset import Dataset, DatasetChanges, dataset_changes
from eval_pipeline.suite.dataset.load import case_files, dataset_versions, load_dataset
from eval_pipeline.suite.dataset.stored import store_dataset, stored_hashes
from eval_pipeline.suite.suite import Suite

TRIGGER_TAG = "eval/trigger"


class SeenDataset(BaseModel):
    """The cursor: what the last look saw."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    files: str
    """Digest of the case files and of the versions of LangSmith datasets; while it is equal nothing is parsed."""
    dataset_version: str
    unfinished: bool = False
    """Whether partitions are still to be deleted, once nothing is in flight."""
    since: int
    """When looking began, seconds since 1970, and"""
    changes: int = 0
    """how many changes were seen since: together they tell a change from the same one, made again."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a look leads to."""

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
) -> Decision:
    """What has to be done about a dataset.

    Args:
        suite: its name.
        seen: what the last look saw; None for the first look, or if that cannot be read any more.
        before: the content hash of each case as they were; None if that is not known, and then nothing is evaluated,
            because switching a sensor on should cost nothing.
        before_version: the version they had.
        now: the cases as they are.
        files: digest of where they are: `sources_digest`.
        at: now, seconds since 1970.
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
    return Decision(
        evaluate=tuple(sorted({*changes.added, *changes.changed})),
        # A key counts for ever: the same change, made again after it was undone, needs another one.
        run_key=key if seen is None else f"{key}:{following.since}:{following.changes}",
        seen=following,
        reason="the first look: later changes are evaluated" if before is None else _said(changes),
    )


def read_cursor(text: str | None) -> SeenDataset | None:
    """The cursor; None if there is none, or none that this version understands."""
    try:
        return None if not text else SeenDataset.model_validate_json(text)
    except ValidationError:
        return None


def sources_digest(files: Iterable[Path], versions: Iterable[DatasetVersion] = ()) -> str:
    """16 hex digits over names and contents of files, and over versions of LangSmith datasets."""
    hashed = hashlib.sha256()
    for file in files:
        hashed.update(f"{file}\n".encode())
        hashed.update(hashlib.sha256(file.read_bytes()).digest())
    for version in versions:
        hashed.update(f"{version.model_dump_json()}\n".encode())
    return hashed.hexdigest()[:16]


def build_dataset_changed(suite: Suite) -> dg.SensorDefinition:
    """The sensor `<suite>_dataset_changed`."""
    spec = suite.spec.sensors.dataset_changed

    @dg.sensor(
        name=f"{suite.name}_dataset_changed",
        job_name=job_name(suite.name),
        minimum_interval_seconds=spec.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING if spec.enabled else dg.DefaultSensorStatus.STOPPED,
        description=f"Keep the partitions of {suite.name} in step with its cases, and evaluate what changed.",
    )
    def dataset_changed(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
        seen, files = read_cursor(context.cursor), sources_digest(case_files(suite), dataset_versions(suite))
        if seen is not None and seen.files == files and not seen.unfinished:
            return dg.SensorResult(skip_reason="nothing has changed where the cases are")
        dataset = load_dataset(suite)
        require_sound(suite, dataset.cases)
        opened = store.open()
        version = _materialized_version(context.instance, suite) if seen is None else seen.dataset_version
        before = None if version is None else stored_hashes(opened, suite.name, version)
        # By content, so that it is there for the next look to compare with, whatever becomes of the run.
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

    return dataset_changed


def _request(instance: dg.DagsterInstance, suite: Suite, decision: Decision, dataset: Dataset) -> dg.RunRequest:
    # Dagster runs ranges of the registry's order only, so the chosen ones are named beside the range.
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
    """The dataset version that was materialized last."""
    records = instance.fetch_materializations(asset_key(suite.name, TEST_CASES), limit=1).records
    materialization = records[0].asset_materialization if records else None
    found = None if materialization is None else materialization.metadata.get(DATASET_VERSION)
    return None if found is None else str(found.value)


def _said(changes: DatasetChanges) -> str:
    parts = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    found = [f"{len(keys)} {name}" for name, keys in parts.items() if keys]
    return f"cases: {', '.join(found)}" if found else "the cases are as they were"
