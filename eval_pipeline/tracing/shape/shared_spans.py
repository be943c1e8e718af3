"""The shared trace of a snapshot as copies are made from it: what concerns all cases once, the rest by case."""

import functools
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.langsmith.protocol.usage import usage_of
from eval_pipeline.tracing.shape.replica import Origin, Replica, replica_of
from eval_pipeline.tracing.shape.spans import Span, spans_of_table

_ROWS, _BLOCKS = 4, 48
"""Rows read together, for little more than one costs, since cases come nearly in the table's order; and how many such
stay in memory."""


class SharedSpans:
    """The spans of a snapshot's part `trace`."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._rows = functools.lru_cache(maxsize=_BLOCKS)(functools.partial(_rows, table))
        self.shared = spans_of_table(table.filter(pc.is_null(table.column("case_id"))))
        """Those that concern all cases."""

    @property
    def root(self) -> Span | None:
        """The shared trace's root."""
        return next((span for span in self.shared if span.parent_id is None), None)

    def per_case(self, cases: int) -> dict[str, float]:
        """What a case's share of the shared context was, as metadata that adds nothing up."""
        stated = [usage for span in self.shared if (usage := usage_of({"metadata": span.metadata}, span.outputs))]
        tokens = sum(usage.total_tokens or 0 for usage in stated)
        costs = [usage.total_cost for usage in stated if usage.total_cost is not None]
        found = {"shared_tokens_per_case": round(tokens / max(cases, 1), 3)} if stated else {}
        return {**found, "shared_cost_per_case": round(sum(costs) / max(cases, 1), 8)} if costs else found

    def of_case(self, case_id: str) -> list[Span]:
        """Those that concern this case only."""
        return [self._rows(place // _ROWS)[place % _ROWS] for place in self._positions.get(case_id, ())]

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


def _rows(table: pa.Table, block: int) -> list[Span]:
    # A slice of a mapped table costs microseconds, `take` half a millisecond.
    return spans_of_table(table.slice(block * _ROWS, _ROWS))
