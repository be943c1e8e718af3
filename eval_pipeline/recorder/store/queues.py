"""Annotation queues: runs for people to review."""

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

_DEFAULTS: dict[str, Any] = {
    "description": None,
    "num_reviewers_per_item": 1,
    "enable_reservations": True,
    "reservation_minutes": 1,
    "reviewer_access_mode": "any",
    "default_dataset": None,
    "rubric_instructions": None,
    "rubric_items": None,
    "metadata": None,
}
"""Fields of a queue and their defaults (`AnnotationQueueCreateSchema`)."""
COMPLETED = "completed"
_TOTAL = "(SELECT count(*) FROM annotation_queue_runs WHERE queue_id = annotation_queues.id) AS total"


class QueueStore:
    """The tables `annotation_queues` and `annotation_queue_runs`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create one from the body of `POST /annotation-queues`.

        Raises:
            ErrorResponse: 409 for an id that exists.
        """
        identity = str(body.get("id") or uuid.uuid4()).lower()
        now = microseconds(self._now())
        rest = {name: body.get(name, default) for name, default in _DEFAULTS.items()}
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT INTO annotation_queues VALUES (?, ?, ?, ?, ?)",
                    (
                        identity,
                        str(body["name"]),
                        to_us(body["created_at"]) if body.get("created_at") else now,
                        to_us(body["updated_at"]) if body.get("updated_at") else now,
                        dump(rest),
                    ),
                )
        except sqlite3.IntegrityError as error:
            raise conflict(f"Annotation queue {identity} already exists") from error
        return self.get(identity)

    def get(self, identity: str) -> dict[str, Any]:
        """One queue.

        Raises:
            ErrorResponse: 404.
        """
        row = self._database.row("SELECT * FROM annotation_queues WHERE id = ?", (identity.lower(),))
        if row is None:
            raise not_found("Annotation queue")
        return _queue(row)

    def find(
        self,
        *,
        ids: Sequence[str] = (),
        name: str | None = None,
        name_contains: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Queues that meet every given condition, newest first, each with `total_runs`."""
        where = Conditions()
        where.id_of("id", ids)
        where.named(name=name, name_contains=name_contains)
        rows = self._database.rows(
            f"SELECT *, {_TOTAL} FROM annotation_queues WHERE {where.sql} ORDER BY created_us DESC, id LIMIT ? OFFSET ?",  # noqa: S608, E501 - clauses are constants
            (*where.arguments, limit, offset),
        )
        return [{**_queue(row), "total_runs": row["total"]} for row in rows]

    def update(self, identity: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Apply the body of `PATCH /annotation-queues/{id}`.

        Raises:
            ErrorResponse: 404.
        """
        with self._database.transaction() as connection:
            before = self.get(identity)
            rest = {name: changes.get(name, before[name]) for name in _DEFAULTS}
            connection.execute(
                "UPDATE annotation_queues SET name = ?, updated_us = ?, body = ? WHERE id = ?",
                (changes.get("name") or before["name"], microseconds(self._now()), dump(rest), before["id"]),
            )
        return self.get(identity)

    def delete(self, identity: str) -> None:
        """Delete a queue; its runs stay in their projects.

        Raises:
            ErrorResponse: 404.
        """
        with self._database.transaction() as connection:
            queue_id = self.get(identity)["id"]
            connection.execute("DELETE FROM annotation_queue_runs WHERE queue_id = ?", (queue_id,))
            connection.execute("DELETE FROM annotation_queues WHERE id = ?", (queue_id,))

    def add(self, identity: str, runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add runs (`run_id`, `source_proposed_example_id`) to a queue; runs that are in it stay as they are.

        Raises:
            ErrorResponse: 404 for an unknown queue or run; then none is added.
        """
        with self._database.transaction() as connection:
            queue = self.get(identity)["id"]
            ids = [str(run["run_id"]).lower() for run in runs]
            for run, run_id in zip(runs, ids, strict=True):
                if self._database.row("SELECT 1 FROM runs WHERE id = ?", (run_id,)) is None:
                    raise not_found(f"Run {run_id}")
                connection.execute(
                    "INSERT OR IGNORE INTO annotation_queue_runs VALUES (?, ?, ?, ?, NULL, NULL, ?)",
                    (
                        str(uuid.uuid4()),
                        queue,
                        run_id,
                        microseconds(self._now()),
                        run.get("source_proposed_example_id"),
                    ),
                )
            return [entry for entry in self.entries(queue) if entry["run_id"] in ids]

    def entries(
        self, identity: str, *, status: str | None = None, limit: int = -1, offset: int = 0
    ) -> list[dict[str, Any]]:
        """The entries of a queue, in the order they were added.

        Raises:
            ErrorResponse: 404.
        """
        condition = {
            None: "1",
            COMPLETED: "status = 'completed'",
            "needs_my_review": "coalesce(status, '') != 'completed'",
            # The recorder has one reviewer.
            "needs_others_review": "0",
        }[status]
        rows = self._database.rows(
            f"SELECT * FROM annotation_queue_runs WHERE queue_id = ? AND {condition} "  # noqa: S608 - constants
            "ORDER BY added_us, id LIMIT ? OFFSET ?",
            (self.get(identity)["id"], limit, offset),
        )
        return [_entry(row) for row in rows]

    def entry(self, identity: str, entry_id: str) -> dict[str, Any]:
        """One entry of a queue.

        Raises:
            ErrorResponse: 404.
        """
        return _entry(self._entry(entry_id, queue=self.get(identity)["id"]))

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        """The queues that contain a run."""
        rows = self._database.rows(
            "SELECT annotation_queues.* FROM annotation_queues JOIN annotation_queue_runs "
            "ON queue_id = annotation_queues.id WHERE run_id = ? ORDER BY annotation_queues.created_us",
            (run_id.lower(),),
        )
        return [_queue(row) for row in rows]

    def update_entry(self, identity: str, entry_id: str, changes: dict[str, Any]) -> None:
        """Apply the body of `PATCH /annotation-queues/{id}/runs/{queue_run_id}`.

        Raises:
            ErrorResponse: 404.
        """
        with self._database.transaction() as connection:
            entry = self._entry(entry_id, queue=self.get(identity)["id"])
            added = to_us(changes.get("added_at"))
            connection.execute(
                "UPDATE annotation_queue_runs SET reviewed_us = ?, added_us = ? WHERE id = ?",
                (
                    to_us(changes.get("last_reviewed_time")),
                    entry["added_us"] if added is None else added,
                    entry["id"],
                ),
            )

    def set_status(self, entry_id: str, status: str | None) -> None:
        """Set the review status of an entry: `completed`, or None if it needs review again.

        Raises:
            ErrorResponse: 404.
        """
        with self._database.transaction() as connection:
            entry = self._entry(entry_id)
            connection.execute(
                "UPDATE annotation_queue_runs SET status = ?, reviewed_us = ? WHERE id = ?",
                (status, microseconds(self._now()), entry["id"]),
            )

    def remove(self, identity: str, entry_id: str) -> None:
        """Remove a run from a queue, by the id of the entry or, as the SDK does, of the run.

        Raises:
            ErrorResponse: 404.
        """
        with self._database.transaction() as connection:
            entry = self._entry(entry_id, queue=self.get(identity)["id"])
            connection.execute("DELETE FROM annotation_queue_runs WHERE id = ?", (entry["id"],))

    def _entry(self, entry_id: str, queue: str | None = None) -> sqlite3.Row:
        row = self._database.row(
            "SELECT * FROM annotation_queue_runs WHERE (? IS NULL OR queue_id = ?) AND (id = ? OR run_id = ?)",
            (queue, queue, entry_id.lower(), entry_id.lower()),
        )
        if row is None:
            raise not_found("Annotation queue run")
        return row


def _queue(row: sqlite3.Row) -> dict[str, Any]:
    return {
        **orjson.loads(row["body"]),
        "id": row["id"],
        "name": row["name"],
        "tenant_id": TENANT_ID,
        "queue_type": "single",
        "source_rule_id": None,
        "run_rule_id": None,
        "assigned_reviewers": [],
        "created_at": from_us(row["created_us"]),
        "updated_at": from_us(row["updated_us"]),
    }


def _entry(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "queue_id": row["queue_id"],
        "run_id": row["run_id"],
        "added_at": from_us(row["added_us"]),
        "last_reviewed_time": from_us(row["reviewed_us"]),
        "source_proposed_example_id": row["source_proposed_example_id"],
        "completed": row["status"] == COMPLETED,
    }
