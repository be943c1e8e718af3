"""Spans: runs of the shared context's trace as the snapshot keeps them, and their Parquet schema."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import orjson
import pyarrow as pa
from typing_extensions import override

from eval_pipeline.langsmith.protocol.jsonable import json_bytes, plain
from eval_pipeline.tracing.shape.run import CompleteRun

_ROWS_AT_ONCE = 500
SPANS_SCHEMA = pa.schema(
    [
        ("span_id", pa.string()),
        ("parent_id", pa.string()),
        ("trace_id", pa.string()),
        ("name", pa.string()),
        ("run_type", pa.string()),
        ("start_time", pa.timestamp("us", tz="UTC")),
        ("end_time", pa.timestamp("us", tz="UTC")),
        ("inputs", pa.string()),
        ("outputs", pa.string()),
        ("error", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("metadata", pa.string()),
        ("case_id", pa.string()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Span:
    """One run of the shared trace."""

    id: str
    parent_id: str | None
    trace_id: str
    name: str
    run_type: str
    start_time: dt.datetime
    end_time: dt.datetime
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] | None = None
    error: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    case_id: str | None = None
    """The case it concerns; None if it concerns all."""

    @classmethod
    def of(cls, run: CompleteRun) -> "Span":
        """The span that keeps `run`."""
        return cls(
            id=run["id"],
            parent_id=run["parent_run_id"],
            trace_id=run["trace_id"],
            name=run["name"],
            run_type=run["run_type"],
            start_time=run["start_time"],
            end_time=run["end_time"],
            inputs=plain(run["inputs"]),
            outputs=plain(run["outputs"]),
            error=run["error"],
            tags=tuple(run["tags"]),
            metadata=run["extra"]["metadata"],
        )


def table_of_spans(spans: Iterable[Span]) -> pa.Table:
    """Spans as rows of `SPANS_SCHEMA`."""
    rows = [
        {
            "span_id": span.id,
            "parent_id": span.parent_id,
            "trace_id": span.trace_id,
            "name": span.name,
            "run_type": span.run_type,
            "start_time": span.start_time,
            "end_time": span.end_time,
            "inputs": json_bytes(span.inputs).decode(),
            "outputs": None if span.outputs is None else json_bytes(span.outputs).decode(),
            "error": span.error,
            "tags": list(span.tags),
            "metadata": json_bytes(span.metadata).decode(),
            "case_id": span.case_id,
        }
        for span in spans
    ]
    return pa.Table.from_pylist(rows, schema=SPANS_SCHEMA)


def spans_of_table(table: pa.Table) -> list[Span]:
    """The spans in rows of `SPANS_SCHEMA`."""
    return [
        Span(
            id=row["span_id"],
            parent_id=row["parent_id"],
            trace_id=row["trace_id"],
            name=row["name"],
            run_type=row["run_type"],
            start_time=row["start_time"].astimezone(dt.UTC),
            end_time=row["end_time"].astimezone(dt.UTC),
            inputs=orjson.loads(row["inputs"]),
            outputs=None if row["outputs"] is None else orjson.loads(row["outputs"]),
            error=row["error"],
            tags=tuple(row["tags"]),
            metadata=orjson.loads(row["metadata"]),
            case_id=row["case_id"],
        )
        for row in table.to_pylist()
    ]


class StoredSpans(Sequence[Span]):
    """The spans in rows of `SPANS_SCHEMA`, read lazily: with a search for each case they are many."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    @override
    def __len__(self) -> int:
        return int(self._table.num_rows)

    @override
    def __iter__(self) -> Iterator[Span]:
        for start in range(0, len(self), _ROWS_AT_ONCE):
            yield from spans_of_table(self._table.slice(start, _ROWS_AT_ONCE))

    @overload
    def __getitem__(self, place: int) -> Span: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Span]: ...

    @override
    def __getitem__(self, place: int | slice) -> Span | Sequence[Span]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        return spans_of_table(self._table.slice(range(len(self))[place], 1))[0]


def parents_first(spans: Iterable[Span]) -> list[Span]:
    """Spans, each after its parent, otherwise by start time; those whose parents form a circle come last."""
    ordered = sorted(spans, key=lambda span: (span.start_time, span.id))
    ids = {span.id for span in ordered}
    children: dict[str | None, list[Span]] = {}
    for span in ordered:
        children.setdefault(span.parent_id if span.parent_id in ids and span.parent_id != span.id else None, []).append(
            span
        )
    sorted_spans: list[Span] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        span = waiting.pop()
        sorted_spans.append(span)
        waiting += reversed(children.get(span.id, []))
    reached = {span.id for span in sorted_spans}
    return sorted_spans + [span for span in ordered if span.id not in reached]
