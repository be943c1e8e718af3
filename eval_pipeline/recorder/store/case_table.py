"""The root runs of a project or experiment as rows of a table: filtered, searched and sorted over all pages."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from eval_pipeline.recorder.store.codec import unpack
from eval_pipeline.recorder.store.database import Conditions, Database

CaseOrder = Literal["start", "name", "latency", "tokens", "cost", "status", "score"]
Result = Literal["failed", "errored", "passed", "running", "not_passed"]

_ORDER_BY = {
    "start": "r.start_us",
    "name": "r.name",
    "latency": "r.end_us - r.start_us",
    "tokens": "t.total_tokens",
    "cost": "t.total_cost",
    # Errors, what failed, what passed.
    "status": "CASE WHEN r.error IS NOT NULL THEN 2 ELSE 1 - coalesce((SELECT avg(score) FROM feedback v "
    "WHERE v.run_id = r.id AND v.key = 'passed'), 1) END",
    "score": "f.score",
}
_OF_TRACE = frozenset({"tokens", "cost"})
_CHUNK = 500
_PASSED = "SELECT avg(score) FROM feedback v WHERE v.run_id = r.id AND v.key = 'passed'"
_LOWEST = "SELECT min(score) FROM feedback v WHERE v.run_id = r.id"
_RESULTS: dict[str, str] = {
    # Experiments of evaluators that give no verdict fail where a score is 0.
    "failed": f"r.error IS NULL AND coalesce(({_PASSED}), ({_LOWEST}) > 0, 1) < 1",
    "errored": "r.error IS NOT NULL",
    "passed": f"r.error IS NULL AND r.end_us IS NOT NULL AND coalesce(({_PASSED}), ({_LOWEST}) > 0, 1) >= 1",
    "running": "r.end_us IS NULL AND r.error IS NULL",
    "not_passed": f"(r.error IS NOT NULL OR coalesce(({_PASSED}), ({_LOWEST}) > 0, 1) < 1)",
}


@dataclass(frozen=True, kw_only=True)
class CaseFilter:
    """The conditions of a table of root runs; one that is not given excludes no run."""

    text: str = ""
    """Part of the name, the inputs, the outputs or the error, whatever its case."""
    result: Result | None = None
    tag: str = ""
    example_ids: Sequence[str] | None = None
    """Of a split."""
    feedback_key: str = ""
    below: float | None = None
    """With a score of `feedback_key` lower than this."""


class CaseTable:
    """Queries over `runs`, `traces`, `feedback` and `payloads` for a table of root runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def matching(self, session_id: str, given: CaseFilter) -> list[str]:
        """The ids of the root runs of a session that meet the conditions, the oldest first."""
        where = Conditions()
        where.holds("r.session_id = ? AND r.parent_id IS NULL", session_id)
        if given.result is not None:
            where.holds(_RESULTS[given.result])
        if given.tag:
            where.holds("EXISTS (SELECT 1 FROM json_each(coalesce(r.tags, '[]')) WHERE value = ?)", given.tag)
        if given.example_ids is not None:
            ids = orjson.dumps(list(given.example_ids)).decode()
            where.holds("r.reference_example_id IN (SELECT value FROM json_each(?))", ids)
        if given.feedback_key:
            below = "" if given.below is None else "AND v.score < ?"
            clause = f"EXISTS (SELECT 1 FROM feedback v WHERE v.run_id = r.id AND v.key = ? {below})"  # noqa: S608
            where.holds(clause, given.feedback_key, *([] if given.below is None else [given.below]))
        rows = self._database.rows(
            f"SELECT r.id, r.name, r.error FROM runs r WHERE {where.sql} ORDER BY r.start_us, r.id",  # noqa: S608
            where.arguments,
        )
        return list(self._containing(rows, given.text)) if given.text.strip() else [row["id"] for row in rows]

    def _containing(self, rows: Sequence[sqlite3.Row], text: str) -> Iterator[str]:
        sought = text.strip().casefold()
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            ids = orjson.dumps([row["id"] for row in chunk]).decode()
            payloads = self._database.rows(
                "SELECT run_id, inputs, outputs FROM payloads WHERE run_id IN (SELECT value FROM json_each(?))", (ids,)
            )
            texts = {row["run_id"]: row for row in payloads}
            for row in chunk:
                own = texts.get(row["id"])
                parts = [row["name"] or "", row["error"] or ""]
                parts += [] if own is None else [_text(own["inputs"]), _text(own["outputs"])]
                if any(sought in part.casefold() for part in parts):
                    yield row["id"]

    def rows(
        self,
        session_id: str,
        ids: Sequence[str],
        *,
        order: CaseOrder,
        feedback_key: str | None = None,
        descending: bool,
        limit: int,
        offset: int,
    ) -> list[dict[str, Any]]:
        """Rows of some root runs, with `latency_s` and the totals of their traces, without their payload.

        `order="score"` sorts by the mean score of `feedback_key`. Rows without a value come last.
        """
        direction = "DESC" if descending else "ASC"
        # Totals of every trace are needed for an order by them only.
        joined = "JOIN traces t ON t.trace_id = r.trace_id" if order in _OF_TRACE else ""
        rows = self._database.rows(
            "SELECT r.id, r.trace_id, r.name, r.error, r.start_us, r.end_us, r.tags, r.reference_example_id "  # noqa: S608
            f"FROM runs r {joined} LEFT JOIN (SELECT run_id, avg(score) AS score FROM feedback "
            "WHERE session_id = :session AND key = :key GROUP BY run_id) f ON f.run_id = r.id "
            "WHERE r.id IN (SELECT value FROM json_each(:ids)) "
            f"ORDER BY {_ORDER_BY[order]} {direction} NULLS LAST, r.start_us, r.id LIMIT :limit OFFSET :offset",
            {
                "session": session_id,
                "key": feedback_key,
                "ids": orjson.dumps(list(ids)).decode(),
                "limit": limit,
                "offset": offset,
            },
        )
        totals = self._database.rows(
            "SELECT trace_id, run_count, total_tokens, total_cost FROM traces "
            "WHERE trace_id IN (SELECT value FROM json_each(?))",
            (orjson.dumps([row["trace_id"] for row in rows]).decode(),),
        )
        by_trace = {row["trace_id"]: dict(row) for row in totals}
        return [{**dict(row), **by_trace[row["trace_id"]], "latency_s": _seconds(row)} for row in rows]

    def tags(self, session_id: str) -> list[str]:
        """The tags of a session's root runs, by name."""
        rows = self._database.rows(
            "SELECT DISTINCT j.value AS tag FROM runs r, json_each(coalesce(r.tags, '[]')) j "
            "WHERE r.session_id = ? AND r.parent_id IS NULL ORDER BY 1",
            (session_id,),
        )
        return [str(row["tag"]) for row in rows]

    def feedback_keys(self, session_ids: Sequence[str]) -> list[str]:
        """Keys of the feedback on runs of sessions, by name."""
        rows = self._database.rows(
            "SELECT DISTINCT key FROM feedback WHERE session_id IN (SELECT value FROM json_each(?)) "
            "AND run_id IS NOT NULL ORDER BY key",
            (orjson.dumps(list(session_ids)).decode(),),
        )
        return [row["key"] for row in rows]

    def progress(self, session_id: str) -> dict[str, int]:
        """How many root runs of a session there are, ended, failed with an error, and how much feedback it has."""
        row = self._database.row(
            "SELECT count(*) AS runs, count(end_us) AS ended, count(error) AS errors, "
            "(SELECT count(*) FROM feedback WHERE session_id = :session) AS feedback "
            "FROM runs WHERE session_id = :session AND parent_id IS NULL",
            {"session": session_id},
        )
        return {} if row is None else dict(row)


def _text(data: bytes | None) -> str:
    return "" if data is None else orjson.dumps(unpack(data)).decode()


def _seconds(row: sqlite3.Row) -> float | None:
    if row["start_us"] is None or row["end_us"] is None:
        return None
    return float(row["end_us"] - row["start_us"]) / 1_000_000
