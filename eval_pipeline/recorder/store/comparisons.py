"""Comparative experiments: two or more experiments on one dataset, compared side by side."""

import sqlite3
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from eval_pipeline.langsmith.protocol.error_responses import conflict, not_found, unprocessable
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.store.codec import dump, from_us, microseconds, to_us
from eval_pipeline.recorder.store.database import Database
from eval_pipeline.recorder.store.sessions import SessionStore


class ComparisonStore:
    """The table `comparisons`."""

    def __init__(self, database: Database, sessions: SessionStore, now: Callable[[], datetime]) -> None:
        self._database = database
        self._sessions = sessions
        self._now = now

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create one from the body of `POST /datasets/comparative`.

        Raises:
            ErrorResponse: 404 for an unknown experiment, 422 for one of another dataset, 409 for an id that exists.
        """
        dataset_id = str(body.get("reference_dataset_id") or "")
        for experiment_id in body.get("experiment_ids") or []:
            session = self._sessions.get(str(experiment_id))
            if session["reference_dataset_id"] != dataset_id:
                raise unprocessable(f"experiment {experiment_id} is not of dataset {dataset_id}")
        identity = str(body.get("id") or uuid.uuid4())
        created = to_us(body.get("created_at"))
        rest = {name: body.get(name) for name in ("name", "description", "extra", "experiment_ids")}
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT INTO comparisons VALUES (?, ?, ?, ?)",
                    (identity, dataset_id, microseconds(self._now()) if created is None else created, dump(rest)),
                )
        except sqlite3.IntegrityError as error:
            raise conflict(f"Comparative experiment {identity} already exists") from error
        return self.of_dataset(dataset_id, identity)[0]

    def of_dataset(self, dataset_id: str, identity: str | None = None) -> list[dict[str, Any]]:
        """The comparisons of a dataset, newest first, or just one of them."""
        rows = self._database.rows(
            "SELECT * FROM comparisons WHERE dataset_id = ? AND (? IS NULL OR id = ?) ORDER BY created_us DESC, id",
            (dataset_id, identity, identity),
        )
        return [self._shape(row) for row in rows]

    def delete(self, identity: str) -> None:
        """Delete one.

        Raises:
            ErrorResponse: 404.
        """
        with self._database.transaction() as connection:
            if connection.execute("DELETE FROM comparisons WHERE id = ?", (identity,)).rowcount == 0:
                raise not_found("Comparative experiment")

    def _shape(self, row: sqlite3.Row) -> dict[str, Any]:
        body = orjson.loads(row["body"])
        ids = body.pop("experiment_ids") or []
        names = {session["id"]: session["name"] for session in self._sessions.find(ids=ids)} if ids else {}
        return {
            **body,
            "id": row["id"],
            "tenant_id": TENANT_ID,
            "reference_dataset_id": row["dataset_id"],
            "created_at": from_us(row["created_us"]),
            "modified_at": from_us(row["created_us"]),
            "experiments_info": [{"id": identity, "name": names.get(identity, "")} for identity in ids],
        }
