"""Writes the evaluations of a partitioned asset check, many at once, each stamped with its partition.

Dagster stamps an evaluation with a partition only where a run has a single one. The event is the same as its own, with
the partition, written by `EventLogStorage.store_event_batch` of our storages, and one by one by others. That method and
`AssetCheckEvaluationTargetMaterializationData` are undocumented. If they change, partitions are reported without
evaluations, with a warning; a test fails then.
"""

import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from eval_pipeline.dagster_ext.event_clock import EventClock

WRITES_EVALUATIONS_TOGETHER = "writes_evaluations_together"
"""An attribute of storages whose `store_event_batch` takes evaluations of checks."""


@dataclass(frozen=True, kw_only=True)
class PartitionEvaluation:
    """The outcome of a check on one partition, whose materialization was reported before."""

    partition: str
    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: Mapping[str, Any]


def partitioned_check_spec(
    name: str, *, asset: dg.AssetKey, partitions_def: dg.PartitionsDefinition, description: str
) -> dg.AssetCheckSpec:
    """The specification of a check with an outcome for each partition of its asset."""
    with warnings.catch_warnings():
        # Dagster warns of each use that it may change; a test fails when it does.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=asset, partitions_def=partitions_def, description=description)


def store_evaluations(
    context: dg.AssetExecutionContext,
    check: dg.AssetCheckKey,
    step_key: str,
    evaluations: Sequence[PartitionEvaluation],
    clock: EventClock,
) -> None:
    """Write the evaluations of partitions that this run has materialized, at times of `clock`.

    Raises:
        Exception: what the storage raises; `ImportError`, `AttributeError` or `TypeError` if Dagster has changed.
    """
    from dagster._core.definitions.asset_checks.asset_check_evaluation import (  # noqa: PLC0415 - private: may be missing in a new version
        AssetCheckEvaluationTargetMaterializationData,
    )

    run, storage, now = context.run, context.instance.event_log_storage, time.time()
    moments = clock.moments(len(evaluations))
    ids = storage.get_latest_storage_id_by_partition(
        check.asset_key,
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        partitions={evaluation.partition for evaluation in evaluations},
    )
    entries = []
    for evaluation, moment in zip(evaluations, moments, strict=True):
        storage_id = ids.get(evaluation.partition)
        target = None
        if storage_id is not None:
            target = AssetCheckEvaluationTargetMaterializationData(
                storage_id=storage_id, run_id=run.run_id, timestamp=now
            )
        data = dg.AssetCheckEvaluation(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=evaluation.passed,
            metadata=evaluation.metadata,
            target_materialization_data=target,
            severity=evaluation.severity,
            description=evaluation.description,
            partition=evaluation.partition,
        )
        entries.append(
            dg.EventLogEntry(  # type: ignore[no-untyped-call]
                error_info=None,
                level=logging.DEBUG,
                user_message="",
                run_id=run.run_id,
                timestamp=moment,
                step_key=step_key,
                job_name=run.job_name,
                dagster_event=dg.DagsterEvent(
                    event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
                    job_name=run.job_name,
                    step_key=step_key,
                    event_specific_data=data,
                    message=f"Check {check.name} {'passed' if evaluation.passed else 'failed'} for partition "
                    f"{evaluation.partition}.",
                ),
            )
        )
    if getattr(storage, WRITES_EVALUATIONS_TOGETHER, False):
        storage.store_event_batch(entries)
        return
    # Dagster's own class for Postgres refuses evaluations in a batch.
    for entry in entries:
        storage.store_event(entry)
