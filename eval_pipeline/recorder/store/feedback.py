"""Feedback on runs and on whole sessions."""

import sqlite3
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

from eval_pipeline.langsmith.protocol.error_responses import not_found
from eval_pipeline.recorder.store.codec import dump, from_us, microseconds, to_us
from eval_pipeline.recorder.store.database import Conditions, Database, placeholders

_OWN_COLUMNS = frozenset({"id", "run_id", "trace_id", "session_id", "key", "created_at"})


class FeedbackStore:
    """The table `feedback`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def put(self, body: dict[str, Any]) -> str:
        """Store one feedback and return its id. The same id replaces it, so that a retry does not double a score."""
        identity = str(body.get("id") or uuid.uuid4()).lower()
        run_id, session_id, trace_id = body.get("run_id"), body.get("session_id"), body.get("trace_id")
        with self._database.transaction() as connection:
            if run_id and not (session_id and trace_id):
                run = self._database.row("SELECT session_id, trace_id FROM runs WHERE id = ?", (str(run_id).lower(),))
                session_id = session_id or (run["session_id"] if run else None)
                trace_id = trace_id or (run["trace_id"] if run else None)
            now = microseconds(self._now())
            created = to_us(body.get("created_at"))
            connection.execute(
                "INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    identity,
                    str(run_id).lower() if run_id else None,
                    str(trace_id).lower() if trace_id else None,
                    str(session_id).lower() if session_id else None,
                    body["key"],
                    _score(body.get("score")),
                    now if created is None else created,
                    dump({"modified_at": from_us(now), **_rest(body)}),
                ),
            )
        return identity

    def get(self, identity: str) -> dict[str, Any]:
        """One feedback.

        Raises:
            ErrorResponse: 404.
        """
        row = self._database.row("SELECT * FROM feedback WHERE id = ?", (identity.lower(),))
        if row is None:
            raise not_found("Feedback")
        return _feedback(row)

    def update(self, identity: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Apply the body of `PATCH /feedback/{id}`.

        Raises:
            ErrorResponse: 404.
        """
        with self._database.transaction():
            before = self.get(identity)
            self.put({**before, **changes, "id": identity, "modified_at": from_us(microseconds(self._now()))})
        return self.get(identity)

    def delete(self, identity: str) -> None:
        """Delete one feedback.

        Raises:
            ErrorResponse: 404.
        """
        with self._database.transaction() as connection:
            self.get(identity)
            connection.execute("DELETE FROM feedback WHERE id = ?", (identity.lower(),))

    def find(
        self,
        *,
        run_ids: Sequence[str] = (),
        keys: Sequence[str] = (),
        session_ids: Sequence[str] = (),
        sources: Sequence[str] = (),
        has_comment: bool | None = None,
        has_score: bool | None = None,
        level: str | None = None,
        created_from: str | None = None,
        created_to: str | None = None,
        comparison_id: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Feedback that meets every given condition, newest first. Times are ISO 8601, both ends included."""
        where = Conditions()
        where.id_of("run_id", run_ids)
        where.one_of("key", keys)
        where.id_of("session_id", session_ids)
        where.one_of("json_extract(body, '$.feedback_source.type')", sources)
        where.present("json_extract(body, '$.comment')", there=has_comment)
        where.present("score", there=has_score)
        where.present("run_id", there=None if level is None else level == "run")
        where.given("created_us >= ?", to_us(created_from))
        where.given("created_us <= ?", to_us(created_to))
        where.given("json_extract(body, '$.comparative_experiment_id') = ?", comparison_id)
        rows = self._database.rows(
            f"SELECT * FROM feedback WHERE {where.sql} ORDER BY created_us DESC, id LIMIT ? OFFSET ?",  # noqa: S608 - clauses are constants
            (*where.arguments, limit, offset),
        )
        return [_feedback(row) for row in rows]

    def of_runs(self, run_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """The feedback of each of these runs, oldest first."""
        by_run: dict[str, list[dict[str, Any]]] = {}
        rows = self._database.rows(
            f"SELECT * FROM feedback WHERE run_id IN ({placeholders(run_ids)}) ORDER BY created_us, id",  # noqa: S608
            run_ids,
        )
        for row in rows:
            by_run.setdefault(row["run_id"], []).append(_feedback(row))
        return by_run


def _score(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _rest(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in _OWN_COLUMNS}


def _feedback(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "score": None,
        "value": None,
        "comment": None,
        "correction": None,
        "feedback_source": None,
        "feedback_group_id": None,
        "comparative_experiment_id": None,
        "start_time": None,
        "extra": None,
        **orjson.loads(row["body"]),
        "id": row["id"],
        "run_id": row["run_id"],
        "trace_id": row["trace_id"],
        "session_id": row["session_id"],
        "key": row["key"],
        "created_at": from_us(row["created_us"]),
    }
