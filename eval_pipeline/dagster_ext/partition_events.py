"""Reports the materializations of many partitions at once.

Dagster's public way to report one partition of a range run, `context.log_event`, takes 6 to 14 ms (measured on SQLite
and Postgres), most of it to open connections: two minutes for 10,000 partitions. Dagster's own engine reports several
events with `EventLogStorage.store_event_batch`, which takes 5 s for them. That method and the payload of an event,
`StepMaterializationData`, are undocumented, and used here only. If they change, `log_event` is used; a test fails then.
"""

import logging
import time
from collections.abc import Callable, Sequence

import dagster as dg

from eval_pipeline.dagster_ext.event_clock import EventClock
from eval_pipeline.dagster_ext.partition_checks import PartitionEvaluation, store_evaluations
from eval_pipeline.errors import TransientError

FEW = 50
"""Runs of at most this many partitions report them one by one, by the documented API."""
BATCH = 1_000
_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses between attempts to write, long enough for a database to restart."""

Reported = Callable[[Sequence[str]], set[str]]
"""Returns which of the given partitions are reported already."""


class PartitionEvents:
    """Reports the partitions that a run has finished.

    Args:
        context: the context of the step that reports.
        step_key: the name of that step.
        expected: how many partitions the step has.
        reported: called after a batch failed, because it may have been written nevertheless.
    """

    def __init__(self, context: dg.AssetExecutionContext, *, step_key: str, expected: int, reported: Reported) -> None:
        self._context, self._step_key, self._reported = context, step_key, reported
        self._batched, self._clock = expected > FEW, EventClock()

    def report(
        self,
        materializations: Sequence[dg.AssetMaterialization],
        *,
        check: dg.AssetCheckKey | None = None,
        evaluations: Sequence[PartitionEvaluation] = (),
    ) -> None:
        """Write events to Dagster's database; they are durable when this returns.

        Args:
            materializations: of the partitions.
            check: the check that `evaluations` are of.
            evaluations: its outcome for each partition.

        Raises:
            TransientError: the database could not be written for about 15 seconds.
        """
        unwritten = list(materializations)
        for wait_s in (*_WAITS_S, None):
            try:
                self._record(unwritten)
                unwritten = []
                if check is not None:
                    self._evaluate(check, evaluations)
            except Exception as error:
                if wait_s is None:
                    raise TransientError(
                        f"Dagster's event log cannot be written: {error}",
                        fix="repair Dagster's database and resume the run: finished results are kept",
                    ) from error
                time.sleep(wait_s)
                unwritten = self._missing(unwritten) if unwritten else []
            else:
                return

    def _record(self, materializations: Sequence[dg.AssetMaterialization]) -> None:
        if self._batched:
            try:
                for start in range(0, len(materializations), BATCH):
                    batch = materializations[start : start + BATCH]
                    store_at_once(self._context, self._step_key, batch, self._clock)
            except (ImportError, AttributeError, TypeError) as error:
                # Nothing was written: the undocumented parts of Dagster have changed.
                self._batched = False
                self._context.log.warning("reporting partitions one by one, which takes longer: %s", error)
            else:
                return
        for materialization in materializations:
            self._context.log_event(materialization)

    def _evaluate(self, check: dg.AssetCheckKey, evaluations: Sequence[PartitionEvaluation]) -> None:
        try:
            for start in range(0, len(evaluations), BATCH):
                batch = evaluations[start : start + BATCH]
                store_evaluations(self._context, check, self._step_key, batch, self._clock)
        except (ImportError, AttributeError, TypeError) as error:
            # The undocumented parts of Dagster have changed.
            self._context.log.warning("partitions are reported without the check %s: %s", check.name, error)

    def _missing(self, materializations: list[dg.AssetMaterialization]) -> list[dg.AssetMaterialization]:
        try:
            reported = self._reported([str(each.partition) for each in materializations])
        except Exception:  # noqa: BLE001 - if the database is still unavailable, the next attempt fails as well
            return materializations
        return [each for each in materializations if each.partition not in reported]


def store_at_once(
    context: dg.AssetExecutionContext,
    step_key: str,
    materializations: Sequence[dg.AssetMaterialization],
    clock: EventClock,
) -> None:
    """Write the events of a step as one batch, without Dagster's log manager, at times of `clock`.

    Raises:
        Exception: what the storage raises; `ImportError`, `AttributeError` or `TypeError` if Dagster has changed.
    """
    from dagster._core.events import StepMaterializationData  # noqa: PLC0415 - private: may be missing in a new version

    run = context.run
    entries = [
        dg.EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            level=logging.DEBUG,
            user_message="",
            run_id=run.run_id,
            timestamp=moment,
            step_key=step_key,
            job_name=run.job_name,
            dagster_event=dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
                job_name=run.job_name,
                step_key=step_key,
                event_specific_data=StepMaterializationData(each),
                message=f"Materialized {each.asset_key.to_user_string()}, partition {each.partition}.",
            ),
        )
        for each, moment in zip(materializations, clock.moments(len(materializations)), strict=True)
    ]
    context.instance.event_log_storage.store_event_batch(entries)
