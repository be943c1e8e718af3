"""Read runs: by id, by trace, by query."""

import base64
import binascii
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, not_found
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.store.codec import from_us, to_datetime, unpack
from eval_pipeline.recorder.store.database import Conditions, Database, placeholders
from eval_pipeline.recorder.store.statistics import Statistics

Predicate = Callable[[dict[str, Any]], bool]

_CHUNK = 500
_SELECT = (
    "SELECT runs.*, sessions.reference_dataset_id, payloads.* FROM runs JOIN sessions ON sessions.id = runs.session_id "
    "LEFT JOIN payloads ON payloads.run_id = runs.id"
)


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Conditions on runs, all of which apply. Times are in microseconds, both ends included."""

    session_ids: Sequence[str] = ()
    ids: Sequence[str] = ()
    trace_id: str | None = None
    parent_id: str | None = None
    reference_example_ids: Sequence[str] = ()
    reference_dataset_id: str | None = None
    run_type: str | None = None
    is_root: bool | None = None
    has_error: bool | None = None
    min_start_us: int | None = None
    max_start_us: int | None = None
    newest_first: bool = True
    predicates: Sequence[Predicate] = field(default=())
    limit: int = 100
    cursor: str | None = None
    subtree_usage: bool = True


class RunStore:
    """The tables `runs` and `payloads`, for reading."""

    def __init__(self, database: Database, statistics: Statistics) -> None:
        self._database = database
        self._statistics = statistics

    def get(self, run_id: str, *, subtree_usage: bool = True) -> dict[str, Any]:
        """One run with its payload, feedback statistics and the usage of its subtree.

        Raises:
            ErrorResponse: 404.
        """
        row = self._database.row(f"{_SELECT} WHERE runs.id = ?", (run_id.lower(),))
        if row is None:
            raise not_found("Run")
        return self._complete([row], subtree_usage=subtree_usage)[0]

    def of_trace(self, trace_id: str, *, limit: int = -1, offset: int = 0) -> list[dict[str, Any]]:
        """The runs of a trace in tree order (parents before children, siblings by start)."""
        sql = f"{_SELECT} WHERE runs.trace_id = ? ORDER BY dotted_order, start_us LIMIT ? OFFSET ?"
        return self._complete(self._database.rows(sql, (trace_id.lower(), limit, offset)), subtree_usage=False)

    def query(self, query: RunQuery) -> tuple[list[dict[str, Any]], str | None]:
        """One page of runs, and the cursor of the next page or `None`."""
        matching: list[dict[str, Any]] = []
        for row in self._scan(query):
            run = shape(row)
            if query.predicates:
                run["feedback_stats"] = self._statistics.of_runs([run["id"]]).get(run["id"], {})
            if any(getattr(predicate, "of_subtree", False) for predicate in query.predicates) and run["dotted_order"]:
                run.update(self._subtree_usage(run["trace_id"], run["dotted_order"]))
            if all(predicate(run) for predicate in query.predicates):
                matching.append(run)
            if len(matching) > query.limit:
                break
        page = matching[: query.limit]
        self._enrich(page, subtree_usage=query.subtree_usage)
        more = len(matching) > query.limit
        return page, _cursor(page[-1]) if more and page else None

    def ids(self, query: RunQuery) -> tuple[list[str], str | None]:
        """As `query`, but only ids, without reading the runs and without predicates."""
        rows = self._page(
            "SELECT runs.id, runs.start_us FROM runs JOIN sessions ON sessions.id = runs.session_id", query
        )
        page = rows[: query.limit]
        return [row["id"] for row in page], _cursor(page[-1]) if len(rows) > query.limit else None

    def count(self, query: RunQuery) -> int:
        """How many runs meet the conditions, without predicates."""
        where = _where(query)
        row = self._database.row(
            f"SELECT count(*) AS n FROM runs JOIN sessions ON sessions.id = runs.session_id WHERE {where.sql}",  # noqa: S608
            where.arguments,
        )
        return int(row["n"]) if row else 0

    def trace_times(self) -> list[tuple[str, datetime, datetime]]:
        """Every trace with the first and the last start in it, oldest first."""
        rows = self._database.rows(
            "SELECT trace_id, min(start_us) AS first, max(start_us) AS last FROM runs WHERE start_us IS NOT NULL "
            "GROUP BY trace_id ORDER BY first, trace_id"
        )
        return [(row["trace_id"], to_datetime(row["first"]), to_datetime(row["last"])) for row in rows]

    def delete_traces(self, session_id: str, trace_ids: Sequence[str]) -> None:
        """Delete whole traces of a session, their payloads, attachments and feedback."""
        arguments = (session_id, *trace_ids)
        mine = f"SELECT id FROM runs WHERE session_id = ? AND trace_id IN ({placeholders(trace_ids)})"  # noqa: S608
        with self._database.transaction() as connection:
            connection.execute(f"DELETE FROM attachments WHERE owner_id IN ({mine})", arguments)  # noqa: S608
            connection.execute(f"DELETE FROM payloads WHERE run_id IN ({mine})", arguments)  # noqa: S608
            connection.execute(f"DELETE FROM feedback WHERE run_id IN ({mine})", arguments)  # noqa: S608
            connection.execute(f"DELETE FROM annotation_queue_runs WHERE run_id IN ({mine})", arguments)  # noqa: S608
            connection.execute(f"DELETE FROM runs WHERE id IN ({mine})", arguments)  # noqa: S608

    def attachment(self, owner_id: str, name: str) -> tuple[str, bytes]:
        """Media type and bytes of a file.

        Raises:
            ErrorResponse: 404.
        """
        row = self._database.row(
            "SELECT content_type, data FROM attachments WHERE owner_id = ? AND name = ?", (owner_id, name)
        )
        if row is None:
            raise not_found("Attachment")
        return row["content_type"], row["data"]

    def attachments(self, owner_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """Names and media types of the files of each owner."""
        by_owner: dict[str, list[tuple[str, str]]] = {}
        for row in self._database.rows(
            f"SELECT owner_id, name, content_type FROM attachments WHERE owner_id IN ({placeholders(owner_ids)})",  # noqa: S608
            owner_ids,
        ):
            by_owner.setdefault(row["owner_id"], []).append((row["name"], row["content_type"]))
        return by_owner

    def _scan(self, query: RunQuery) -> Iterator[sqlite3.Row]:
        """Rows in order, read in chunks, each of which continues where the last one ended."""
        if query.predicates:
            query = replace(query, limit=_CHUNK)
        while True:
            rows = self._page(_SELECT, query)
            yield from rows
            if len(rows) <= query.limit:
                return
            query = replace(query, cursor=_cursor(rows[-1]))

    def _page(self, select: str, query: RunQuery) -> list[sqlite3.Row]:
        """The rows of a page in order, and one more if there are more."""
        direction, compare = ("DESC", "<") if query.newest_first else ("ASC", ">")
        where = _where(query)
        if query.cursor is not None:
            where.holds(f"(coalesce(runs.start_us, 0), runs.id) {compare} (?, ?)", *_position(query.cursor))
        order = f"coalesce(runs.start_us, 0) {direction}, runs.id {direction}"
        return self._database.rows(
            f"{select} WHERE {where.sql} ORDER BY {order} LIMIT ?", (*where.arguments, query.limit + 1)
        )

    def _complete(self, rows: Sequence[sqlite3.Row], *, subtree_usage: bool) -> list[dict[str, Any]]:
        runs = [shape(row) for row in rows]
        self._enrich(runs, subtree_usage=subtree_usage)
        return runs

    def _enrich(self, runs: list[dict[str, Any]], *, subtree_usage: bool) -> None:
        ids = [run["id"] for run in runs]
        stats, files = self._statistics.of_runs(ids), self.attachments(ids)
        for run in runs:
            run["feedback_stats"] = stats.get(run["id"], {})
            run["attachment_names"] = files.get(run["id"], [])
            if subtree_usage and run["dotted_order"]:
                run.update(self._subtree_usage(run["trace_id"], run["dotted_order"]))

    def _subtree_usage(self, trace_id: str, dotted_order: str) -> dict[str, Any]:
        # Descendants share the prefix and go on with "."; "/" is the character after it.
        row = self._database.row(
            "SELECT sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens, "
            "sum(total_tokens) AS total_tokens, sum(prompt_cost) AS prompt_cost, "
            "sum(completion_cost) AS completion_cost, sum(total_cost) AS total_cost "
            "FROM runs WHERE trace_id = ? AND dotted_order >= ? AND dotted_order < ? || '/'",
            (trace_id, dotted_order, dotted_order),
        )
        return dict(row) if row else {}


def _where(query: RunQuery) -> Conditions:
    where = Conditions()
    where.id_of("runs.session_id", query.session_ids)
    where.id_of("runs.id", query.ids)
    where.id_of("runs.reference_example_id", query.reference_example_ids)
    where.given("runs.trace_id = ?", query.trace_id)
    where.given("runs.parent_id = ?", query.parent_id)
    where.given("runs.run_type = ?", query.run_type)
    where.given("sessions.reference_dataset_id = ?", query.reference_dataset_id)
    where.given("runs.start_us >= ?", query.min_start_us)
    where.given("runs.start_us <= ?", query.max_start_us)
    where.present("runs.parent_id", there=None if query.is_root is None else not query.is_root)
    where.present("runs.error", there=query.has_error)
    return where


def _cursor(run: dict[str, Any] | sqlite3.Row) -> str:
    return base64.urlsafe_b64encode(f"{run['start_us'] or 0}:{run['id']}".encode()).decode()


def _position(cursor: str) -> tuple[int, str]:
    try:
        start, _, identity = base64.urlsafe_b64decode(cursor).decode().partition(":")
        return int(start), identity
    except (ValueError, binascii.Error) as error:
        raise ErrorResponse(400, {"detail": "invalid cursor"}) from error


def shape(row: sqlite3.Row) -> dict[str, Any]:
    """A run as v1 returns it (schema `RunSchema`), plus `start_us`, `end_us`, `replayed` and its own usage."""
    order = row["dotted_order"]
    return {
        "id": row["id"],
        "name": row["name"] or "",
        "run_type": row["run_type"] or "chain",
        "start_time": from_us(row["start_us"]),
        "end_time": from_us(row["end_us"]),
        "start_us": row["start_us"],
        "end_us": row["end_us"],
        "status": "error" if row["error"] else "success" if row["end_us"] is not None else "pending",
        "error": row["error"],
        "tags": orjson.loads(row["tags"]) if row["tags"] else [],
        "trace_id": row["trace_id"],
        "parent_run_id": row["parent_id"],
        "parent_run_ids": [segment[22:] for segment in order.split(".")[:-1]] if order else [],
        "dotted_order": order,
        "session_id": row["session_id"],
        "reference_example_id": row["reference_example_id"],
        "reference_dataset_id": row["reference_dataset_id"] if row["reference_example_id"] else None,
        "app_path": f"/o/{TENANT_ID}/projects/p/{row['session_id']}/r/{row['id']}",
        "replayed": bool(row["replayed"]),
        "inputs_preview": row["inputs_preview"],
        "outputs_preview": row["outputs_preview"],
        **{name: unpack(row[name]) for name in ("inputs", "outputs", "extra", "events", "serialized")},
        **{name: row[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
        **{name: row[name] for name in ("prompt_cost", "completion_cost", "total_cost")},
        **(orjson.loads(row["usage_details"]) if row["usage_details"] else {}),
    }
