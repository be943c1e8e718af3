"""The latest outcome of asset checks, and of each partition of a partitioned one.

Dagster has no public way to read them but its web server's GraphQL, which a terminal does not need to have running. The
methods of its event log storage are undocumented. If they change, the caller gets an error; a test fails then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

_EVALUATED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """The latest evaluation of a check."""

    passed: bool
    severity: str
    description: str | None
    timestamp: float


def latest_outcome(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> CheckOutcome | None:
    """The latest outcome of a check; None if it was never evaluated."""
    for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=5):
        # A run that was started and did not come to the check has only planned it.
        event = None if record.event is None else record.event.get_dagster_event()
        if record.event is not None and event is not None and event.event_type == _EVALUATED:
            evaluation = event.asset_check_evaluation_data
            return CheckOutcome(
                passed=evaluation.passed,
                severity=evaluation.severity.value,
                description=evaluation.description,
                timestamp=record.event.timestamp,
            )
    return None


def partition_outcomes(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, partitions: Sequence[str]
) -> Mapping[str, str]:
    """By partition: `passed`, `failed`, or `outdated` where the partition was materialized again since; `none` else."""
    infos = {info.partition_key: info for info in instance.event_log_storage.get_asset_check_partition_info([key])}
    outcomes = {}
    for partition in partitions:
        info = infos.get(partition)
        if info is None:
            outcomes[partition] = "none"
        elif not info.is_current:
            outcomes[partition] = "outdated"
        else:
            outcomes[partition] = "passed" if info.latest_execution_status.value == "SUCCEEDED" else "failed"
    return outcomes
