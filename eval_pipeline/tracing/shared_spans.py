"""The shared trace of a snapshot as copies are made from it: what concerns all cases once, the rest by case.

Belongs here: finding a case's spans without reading those of others. Does not belong here: making copies (`graft.py`).
"""

import functools
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.tracing.replica import Origin, Replica, replica_of
from eval_pipeline.tracing.spans import Span, spans_of_table


class SharedSpans:
    """The spans of a snapshot's part `trace`."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.shared = spans_of_table(table.filter(pc.is_null(table.column("case_id"))))
        """Those that concern all cases."""

    @property
    def root(self) -> Span | None:
        """The shared trace's root."""
        return next((span for span in self.shared if span.parent_id is None), None)

    def of_case(self, case_id: str) -> list[Span]:
        """Those that concern this case only."""
        positions = self._positions.get(case_id)
        return spans_of_table(self._table.take(positions)) if positions else []

    def replicas(self, case_id: str, origin: Origin) -> list[Replica]:
        """What is copied into the traces of a case."""
        return [*self.shared_replicas(origin), *(replica_of(span, origin) for span in self.of_case(case_id))]

    def shared_replicas(self, origin: Origin) -> Sequence[Replica]:
        """What is copied into every trace; made once."""
        if self._made is None or self._made[0] != origin:
            self._made = origin, [replica_of(span, origin) for span in self.shared]
        return self._made[1]

    _made: tuple[Origin, list[Replica]] | None = None

    @functools.cached_property
    def _positions(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for index, case_id in enumerate(self._table.column("case_id").to_pylist()):
            if case_id is not None:
                found.setdefault(case_id, []).append(index)
        return found
