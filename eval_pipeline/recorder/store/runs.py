"""Read runs: by id, by trace, by query."""

import base64
import binascii
import functools
import operator
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, not_found
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.filter_sql import NOTHING, PAYLOAD, SqlCondition
from eval_pipeline.recorder.filters import RunFilter
from eval_pipeline.recorder.store.codec import from_us, preview, to_datetime, unpack
from eval_pipeline.recorder.store.database import Conditions, Database, placeholders
from eval_pipeline.recorder.store.statistics import Statistics

_CHUNK = 500
_FROM = "FROM runs JOIN sessions ON sessions.id = runs.session_id"
_WITH_PAYLOAD = "LEFT JOIN payloads ON payloads.run_id = runs.id"
_SELECT = f"SELECT runs.*, sessions.reference_dataset_id, payloads.* {_FROM} {_WITH_PAYLOAD}"


_USAGE = ("prompt_tokens", "completion_tokens", "total_tokens", "prompt_cost", "completion_cost", "total_cost")
_STEP_TIME = 22
"""Characters of the time of a step of a dotted order, which its run's id follows."""


@dataclass(frozen=True)
class TraceCondition:
    """A filter that the root of a run's trace meets or, with `any_run`, any run of it."""

    condition: RunFilter
    any_run: bool


Predicate = RunFilter | TraceCondition


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Conditions on runs, all of which apply. Times are in microseconds, both ends included."""

    session_ids: Sequence[str] = ()
    ids: Sequence[str] = ()
    trace_ids: Sequence[str] = ()
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
    conditions: Sequence[SqlCondition] = field(default=())
    """Of SQL, which runs of the answer meet beside."""
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
        if not query.predicates:
            rows = self._page(_SELECT, query)
            runs = [shape(row) for row in rows[: query.limit]]
            self._enrich(runs, subtree_usage=query.subtree_usage)
            return runs, _cursor(rows[query.limit - 1]) if len(rows) > query.limit else None
        matching: list[dict[str, Any]] = []
        for run in self._matching(query):
            matching.append(run)
            if len(matching) > query.limit:
                break
        page = self._full(matching[: query.limit])
        self._enrich(page, subtree_usage=query.subtree_usage)
        return page, _cursor(page[-1]) if len(matching) > query.limit and page else None

    def _matching(self, query: RunQuery) -> Iterator[dict[str, Any]]:
        """The runs that meet every predicate, with what these need of them alone, read in chunks."""
        filters = [predicate for predicate in query.predicates if isinstance(predicate, RunFilter)]
        of_traces = [(each, dict[str, bool]()) for each in query.predicates if isinstance(each, TraceCondition)]
        needs = functools.reduce(operator.or_, (each.needs for each in filters), NOTHING)
        columns = "".join(f", payloads.{name}" for name in sorted(needs.payload))
        joined = _WITH_PAYLOAD if columns else ""
        select = f"SELECT runs.*, sessions.reference_dataset_id{columns} {_FROM} {joined}"
        conditions = [each.sql for each in filters if each.sql is not None]
        query = replace(query, limit=_CHUNK, conditions=[*query.conditions, *conditions])
        while True:
            rows = self._page(select, query)
            runs = [_filtered(row, needs.payload) for row in rows[:_CHUNK]]
            if needs.feedback:
                stats = self._statistics.of_runs([run["id"] for run in runs])
                for run in runs:
                    run["feedback_stats"] = stats.get(run["id"], {})
            if needs.subtree:
                self._add_subtree_usage(runs)
            runs = [run for run in runs if all(condition(run) for condition in filters)]
            for predicate, decided in of_traces:
                self._decide(predicate, {run["trace_id"] for run in runs} - decided.keys(), decided)
                runs = [run for run in runs if decided[run["trace_id"]]]
            yield from runs
            if len(rows) <= _CHUNK:
                return
            query = replace(query, cursor=_cursor(rows[_CHUNK - 1]))

    def _decide(self, predicate: TraceCondition, trace_ids: set[str], decided: dict[str, bool]) -> None:
        """Of traces that no run was of before, whether they meet a condition."""
        decided.update(dict.fromkeys(trace_ids, False))
        if trace_ids:
            ids, predicates = sorted(trace_ids), [predicate.condition]
            of_traces = (
                RunQuery(trace_ids=ids, predicates=predicates)
                if predicate.any_run
                else RunQuery(ids=ids, predicates=predicates)
            )
            for run in self._matching(of_traces):
                decided[run["trace_id"]] = True

    def _full(self, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The runs with their payload, in their order."""
        by_id: dict[str, dict[str, Any]] = {}
        for start in range(0, len(runs), _CHUNK):
            ids = [run["id"] for run in runs[start : start + _CHUNK]]
            rows = self._database.rows(f"{_SELECT} WHERE runs.id IN ({placeholders(ids)})", ids)
            by_id.update({row["id"]: shape(row) for row in rows})
        return [by_id[run["id"]] for run in runs]

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
        if subtree_usage:
            self._add_subtree_usage(runs)

    def _add_subtree_usage(self, runs: list[dict[str, Any]]) -> None:
        """Replace the usage of each run by that of its subtree: of itself and of all whose order has it as a step."""
        totals: dict[str, dict[str, Any]] = {run["id"]: {} for run in runs if run["dotted_order"]}
        traces = sorted({run["trace_id"] for run in runs})
        for start in range(0, len(traces), _CHUNK):
            some = traces[start : start + _CHUNK]
            for row in self._database.rows(
                f"SELECT dotted_order, {', '.join(_USAGE)} FROM runs WHERE trace_id IN ({placeholders(some)}) "  # noqa: S608 - our columns
                "AND dotted_order IS NOT NULL AND (total_tokens IS NOT NULL OR prompt_tokens IS NOT NULL "
                "OR completion_tokens IS NOT NULL OR total_cost IS NOT NULL)",
                some,
            ):
                for step in row["dotted_order"].split("."):
                    total = totals.get(step[_STEP_TIME:])
                    if total is not None:
                        for name in _USAGE:
                            if row[name] is not None:
                                total[name] = total.get(name, 0) + row[name]
        for run in runs:
            if run["dotted_order"]:
                run.update({name: totals[run["id"]].get(name) for name in _USAGE})


def _where(query: RunQuery) -> Conditions:
    where = Conditions()
    where.id_of("runs.session_id", query.session_ids)
    where.id_of("runs.id", query.ids)
    where.id_of("runs.trace_id", query.trace_ids)
    for condition in query.conditions:
        where.holds(condition.sql, *condition.values)
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


def _filtered(row: sqlite3.Row, payload: Collection[str]) -> dict[str, Any]:
    """What filters look at of a run: its columns, and those fields of its payload."""
    return {
        "id": row["id"],
        "name": row["name"] or "",
        "run_type": row["run_type"] or "chain",
        "start_us": row["start_us"],
        "end_us": row["end_us"],
        "status": _status(row),
        "error": row["error"],
        "tags": orjson.loads(row["tags"]) if row["tags"] else [],
        "trace_id": row["trace_id"],
        "parent_run_id": row["parent_id"],
        "dotted_order": row["dotted_order"],
        "session_id": row["session_id"],
        "reference_example_id": row["reference_example_id"],
        "reference_dataset_id": row["reference_dataset_id"] if row["reference_example_id"] else None,
        **{name: unpack(row[name]) for name in payload},
        **{name: row[name] for name in _USAGE},
    }


def _status(row: sqlite3.Row) -> str:
    return "error" if row["error"] else "success" if row["end_us"] is not None else "pending"


def shape(row: sqlite3.Row) -> dict[str, Any]:
    """A run as v1 returns it (schema `RunSchema`), plus `start_us`, `end_us`, `replayed` and its own usage."""
    order = row["dotted_order"]
    payload = {name: unpack(row[name]) for name in PAYLOAD}
    return {
        "id": row["id"],
        "name": row["name"] or "",
        "run_type": row["run_type"] or "chain",
        "start_time": from_us(row["start_us"]),
        "end_time": from_us(row["end_us"]),
        "start_us": row["start_us"],
        "end_us": row["end_us"],
        "status": _status(row),
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
        "inputs_preview": preview(payload["inputs"]),
        "outputs_preview": preview(payload["outputs"]),
        **payload,
        **{name: row[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
        **{name: row[name] for name in ("prompt_cost", "completion_cost", "total_cost")},
        **(orjson.loads(row["usage_details"]) if row["usage_details"] else {}),
    }
