"""Put the runs of spans into their traces: spans arrive in any order, children mostly before their parents."""

import sqlite3
from collections.abc import Iterable
from typing import Any

from eval_pipeline.langsmith.protocol.dotted_order import DottedOrderStep, format_step
from eval_pipeline.recorder.frame import Frame, run_operation
from eval_pipeline.recorder.otlp.conventions import feedback_of, run_of
from eval_pipeline.recorder.otlp.decoding import OtelSpan
from eval_pipeline.recorder.otlp.identity import run_uuid, trace_uuid
from eval_pipeline.recorder.store.codec import to_datetime
from eval_pipeline.recorder.store.database import Database
from eval_pipeline.recorder.store.ingest import Ingest


class OtlpStore:
    """The table `otlp_spans`, and the runs of its spans."""

    def __init__(self, database: Database, ingest: Ingest) -> None:
        self._database = database
        self._ingest = ingest

    def store(self, spans: Iterable[OtelSpan], *, project: str | None) -> None:
        """Store spans as runs, all or none; those that are stored already are skipped.

        Raises:
            ErrorResponse: 404 for a session that does not exist, 422 for a trace with too many runs.
        """
        with self._database.transaction() as connection:
            fresh = [span for span in spans if self._register(connection, span)]
            if not fresh:
                return
            frame = Frame()
            for span in fresh:
                run_id = self._run_id(span)
                run = {**run_of(span, project=project), "id": run_id, "trace_id": str(trace_uuid(span.trace_id))}
                frame.runs.append(run_operation("post", run))
                frame.feedback.extend(feedback_of(span, run_id))
            self._ingest.apply(frame)
            for trace_id in dict.fromkeys(span.trace_id for span in fresh):
                self._place(connection, trace_id)

    def _register(self, connection: sqlite3.Connection, span: OtelSpan) -> bool:
        """Note where a span stands; whether it is new."""
        is_root = (
            span.parent_id is None
            and self._database.row(
                "SELECT 1 FROM otlp_spans WHERE trace_id = ? AND parent_id IS NULL AND span_id != ?",
                (span.trace_id, span.span_id),
            )
            is None
        )
        run_id = trace_uuid(span.trace_id) if is_root else run_uuid(span.trace_id, span.span_id)
        added = connection.execute(
            "INSERT OR IGNORE INTO otlp_spans VALUES (?, ?, ?, ?, ?)",
            (span.trace_id, span.span_id, span.parent_id, str(run_id), span.start_us),
        )
        return added.rowcount > 0

    def _run_id(self, span: OtelSpan) -> str:
        row = self._database.row(
            "SELECT run_id FROM otlp_spans WHERE trace_id = ? AND span_id = ?", (span.trace_id, span.span_id)
        )
        assert row is not None
        return str(row["run_id"])

    def _place(self, connection: sqlite3.Connection, trace_id: str) -> None:
        """Set parent, trace and order of each run of a trace, as far as its spans are here."""
        rows = self._database.rows("SELECT * FROM otlp_spans WHERE trace_id = ?", (trace_id,))
        spans: dict[str, Any] = {row["span_id"]: row for row in rows}
        for row in rows:
            chain = [row]
            while (parent := spans.get(chain[-1]["parent_id"])) is not None and parent not in chain:
                chain.append(parent)
            top = chain[-1]
            order = ".".join(
                format_step(DottedOrderStep(start_time=to_datetime(each["start_us"]), run_id=each["run_id"]))
                for each in reversed(chain)
            )
            above = spans.get(row["parent_id"])
            waiting = None if row["parent_id"] is None else str(run_uuid(trace_id, row["parent_id"]))
            place = {
                "id": row["run_id"],
                "parent": above["run_id"] if above is not None else waiting,
                "trace": top["run_id"] if top["parent_id"] is None else str(trace_uuid(trace_id)),
                "order": order,
            }
            connection.execute(
                "UPDATE runs SET parent_id = :parent, trace_id = :trace, dotted_order = :order WHERE id = :id "
                "AND (parent_id, trace_id, dotted_order) IS NOT (:parent, :trace, :order)",
                place,
            )
            connection.execute("UPDATE feedback SET trace_id = :trace WHERE run_id = :id", place)
