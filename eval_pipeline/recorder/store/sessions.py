"""Sessions: projects, and experiments when they have a reference dataset."""

import sqlite3
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

from eval_pipeline.langsmith.protocol.error_responses import conflict, not_found
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.store.codec import dump, from_us, microseconds, to_us
from eval_pipeline.recorder.store.database import Conditions, Database

DEFAULT_SESSION = "default"
_PROGRESS_FIELDS = ("num_examples", "num_repetitions", "evaluator_keys")
_OWN_COLUMNS = frozenset({"id", "name", "reference_dataset_id", "start_time", *_PROGRESS_FIELDS})


class SessionStore:
    """The table `sessions`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def seed(self) -> None:
        """Create the session `default` if it does not exist: the SDK reads the tenant from the first session listed."""
        self.get_or_create(DEFAULT_SESSION)

    def create(self, body: dict[str, Any], *, upsert: bool) -> dict[str, Any]:
        """Create a session from the body of `POST /sessions`; with `upsert`, update the one of this name.

        Raises:
            ErrorResponse: 409 if the name or id exists and `upsert` is off.
        """
        name = str(body.get("name") or f"project-{uuid.uuid4().hex[:8]}")
        with self._database.transaction() as connection:
            existing = self._database.row("SELECT * FROM sessions WHERE name = ?", (name,))
            if existing is not None:
                if not upsert:
                    raise conflict(f"Session with name {name!r} already exists")
                changes = {key: value for key, value in body.items() if key not in ("id", "name") and value is not None}
                return self.update(existing["id"], changes)
            identity = str(body.get("id") or uuid.uuid4()).lower()
            start = to_us(body.get("start_time"))
            if self._database.row("SELECT 1 FROM sessions WHERE id = ?", (identity,)) is not None:
                raise conflict(f"Session with id {identity!r} already exists")
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
                (
                    identity,
                    name,
                    body.get("reference_dataset_id"),
                    microseconds(self._now()) if start is None else start,
                    dump(_rest(body)),
                ),
            )
        return self.get(identity)

    def get_or_create(self, name: str) -> str:
        """The id of the session of this name, created as a project if there is none."""
        row = self._database.row("SELECT id FROM sessions WHERE name = ?", (name,))
        return str(row["id"]) if row else str(self.create({"name": name}, upsert=True)["id"])

    def get(self, identity: str) -> dict[str, Any]:
        """One session.

        Raises:
            ErrorResponse: 404.
        """
        row = self._database.row("SELECT * FROM sessions WHERE id = ?", (identity.lower(),))
        if row is None:
            raise not_found("Session")
        return _session(row)

    def update(self, identity: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Apply the body of `PATCH /sessions/{id}`; `extra` is merged by key, so that new `metadata` replaces the old.

        Raises:
            ErrorResponse: 404, or 409 for a name that exists.
        """
        with self._database.transaction() as connection:
            session = self.get(identity)
            extra = {**(session["extra"] or {}), **(changes.get("extra") or {})}
            body = _rest({**session, **changes, "extra": extra})
            try:
                connection.execute(
                    "UPDATE sessions SET name = ?, reference_dataset_id = ?, body = ? WHERE id = ?",
                    (
                        changes.get("name") or session["name"],
                        changes.get("reference_dataset_id") or session["reference_dataset_id"],
                        dump(body),
                        session["id"],
                    ),
                )
            except sqlite3.IntegrityError as error:
                raise conflict(f"Session with name {changes['name']!r} already exists") from error
        return self.get(identity)

    def delete(self, identity: str) -> None:
        """Delete a session with its runs and feedback.

        Raises:
            ErrorResponse: 404.
        """
        with self._database.transaction() as connection:
            self.get(identity)
            mine = "(SELECT id FROM runs WHERE session_id = ?)"
            for statement in (
                f"DELETE FROM payloads WHERE run_id IN {mine}",  # noqa: S608 - a constant
                f"DELETE FROM attachments WHERE owner_id IN {mine}",  # noqa: S608 - a constant
                "DELETE FROM runs WHERE session_id = ?",
                "DELETE FROM feedback WHERE session_id = ?",
                "DELETE FROM sessions WHERE id = ?",
            ):
                connection.execute(statement, (identity,))

    def find(
        self,
        *,
        ids: Sequence[str] = (),
        name: str | None = None,
        name_contains: str | None = None,
        reference_dataset_ids: Sequence[str] = (),
        reference_free: bool | None = None,
        metadata: dict[str, Any] | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Sessions that meet every given condition, newest first."""
        where = Conditions()
        where.id_of("id", ids)
        where.named(name=name, name_contains=name_contains)
        where.id_of("reference_dataset_id", reference_dataset_ids)
        where.present("reference_dataset_id", there=None if reference_free is None else not reference_free)
        for key, value in (metadata or {}).items():
            where.holds("json_extract(body, '$.extra.metadata.' || ?) = ?", f'"{key}"', value)
        rows = self._database.rows(
            f"SELECT * FROM sessions WHERE {where.sql} ORDER BY start_us DESC, id LIMIT ? OFFSET ?",  # noqa: S608 - clauses are constants
            (*where.arguments, limit, offset),
        )
        return [_session(row) for row in rows]

    def mentioning(self, text: str, *, limit: int = 100) -> list[dict[str, Any]]:
        """Sessions whose metadata contain a text, such as the hash of a commit, newest first."""
        rows = self._database.rows(
            "SELECT * FROM sessions WHERE instr(body, ?) > 0 ORDER BY start_us DESC, id LIMIT ?", (text, limit)
        )
        return [_session(row) for row in rows]


def _rest(body: dict[str, Any]) -> dict[str, Any]:
    """The fields stored in `body`. As on LangSmith, the counts of an experiment are in `extra.__progress`."""
    progress = {name: body[name] for name in _PROGRESS_FIELDS if body.get(name) is not None}
    extra = dict(body.get("extra") or {})
    if progress:
        extra["__progress"] = {**extra.get("__progress", {}), **progress}
    return {**{key: value for key, value in body.items() if key not in _OWN_COLUMNS}, "extra": extra}


def _session(row: sqlite3.Row) -> dict[str, Any]:
    body = orjson.loads(row["body"])
    return {
        "description": None,
        "end_time": None,
        "default_dataset_id": None,
        "trace_tier": "shortlived",
        **body,
        "id": row["id"],
        "name": row["name"],
        "tenant_id": TENANT_ID,
        "start_time": from_us(row["start_us"]),
        "reference_dataset_id": row["reference_dataset_id"],
    }
