"""Telling Dagster of partitions.

Belongs here: how events are recorded. Does not belong here: when (`recording.py`), and what they say
(`eval_pipeline.metadata`).
"""

from collections.abc import Sequence

import dagster as dg


class PartitionEvents:
    """Where one run reports the partitions it has finished."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context

    def report(self, materializations: Sequence[dg.AssetMaterialization]) -> None:
        """Record events, durable when this returns."""
        for materialization in materializations:
            self._context.log_event(materialization)
