"""Telling Dagster of partitions, many at once.

Dagster's public way to report one partition of a range run, `context.log_event`, costs 6 to 14 ms (measured, SQLite and
Postgres), most of it for connections. `EventLogStorage.store_event_batch` is what Dagster's own engine calls when it
reports several; it is not documented, and neither is the payload of an event, `StepMaterializationData`. Both are used
here and nowhere else, because 10,000 partitions take 5 s by them and two minutes without. Where Dagster has changed,
`log_event` is what is left; a test notices.
"""

import logging
import time
from collections.abc import Callable, Sequence

import dagster as dg

from eval_pipeline.errors import TransientError

FEW = 50
"""Runs of so few partitions report them one by one, in Dagster's documented way."""
BATCH = 1_000
_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Between tries to write; a database that restarts is back within them."""

Reported = Callable[[Sequence[str]], set[str]]
"""Those of some partitions that have been reported already."""


class PartitionEvents:
    """Where one run reports the partitions it has finished.

    Args:
        context: of the step that reports.
        step_key: its name.
        expected: how many partitions it has.
        reported: asked after a batch failed, for it may be there nevertheless.
    """

    def __init__(self, context: dg.AssetExecutionContext, *, step_key: str, expected: int, reported: Reported) -> None:
        self._context, self._step_key, self._reported = context, step_key, reported
        self._batched = expected > FEW

    def report(self, materializations: Sequence[dg.AssetMaterialization]) -> None:
        """Record events, durable when this returns.

        Raises:
            TransientError: Dagster's database could not be written for a while.
        """
        left = list(materializations)
        for wait_s in (*_WAITS_S, None):
            try:
                self._record(left)
            except Exception as error:
                if wait_s is None:
                    raise TransientError(
                        f"Dagster's event log cannot be written: {error}",
                        fix="see to Dagster's database, then resume the run: what was evaluated is kept",
                    ) from error
                time.sleep(wait_s)
                left = self._missing(left)
            else:
                return

    def _record(self, materializations: Sequence[dg.AssetMaterialization]) -> None:
        if self._batched:
            try:
                for start in range(0, len(materializations), BATCH):
                    store_at_once(self._context, self._step_key, materializations[start : start + BATCH])
            except (ImportError, AttributeError, TypeError) as error:
                # Nothing was written: this is Dagster's inside looking different.
                self._batched = False
                self._context.log.warning("partitions are reported one by one, which takes longer: %s", error)
            else:
                return
        for materialization in materializations:
            self._context.log_event(materialization)

    def _missing(self, materializations: list[dg.AssetMaterialization]) -> list[dg.AssetMaterialization]:
        try:
            there = self._reported([str(found.partition) for found in materializations])
        except Exception:  # noqa: BLE001 - the database is still away, which the next try finds out
            return materializations
        return [found for found in materializations if found.partition not in there]


def store_at_once(
    context: dg.AssetExecutionContext, step_key: str, materializations: Sequence[dg.AssetMaterialization]
) -> None:
    """Write events of one step as one batch, past Dagster's log manager.

    Raises:
        Exception: whatever the storage raises; `ImportError`, `AttributeError` or `TypeError` if Dagster has changed.
    """
    from dagster._core.events import StepMaterializationData  # noqa: PLC0415 - where it is gone, `log_event` is left

    run = context.run
    entries = [
        dg.EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            level=logging.DEBUG,
            user_message="",
            run_id=run.run_id,
            timestamp=time.time(),
            step_key=step_key,
            job_name=run.job_name,
            dagster_event=dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
                job_name=run.job_name,
                step_key=step_key,
                event_specific_data=StepMaterializationData(found),
                message=f"Materialized {found.asset_key.to_user_string()}, partition {found.partition}.",
            ),
        )
        for found in materializations
    ]
    context.instance.event_log_storage.store_event_batch(entries)
