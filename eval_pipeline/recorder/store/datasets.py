"""Datasets, their versions and tags."""

import sqlite3
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from eval_pipeline.langsmith.protocol.error_responses import conflict, not_found, unprocessable
from eval_pipeline.langsmith.protocol.times import TimeError
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.store.codec import dump, from_us, microseconds, to_us
from eval_pipeline.recorder.store.database import Conditions, Database
from eval_pipeline.recorder.store.transformations import check_transformations

LATEST = "latest"
STILL_VALID = 2**62
"""`valid_to` of an example's current state."""

_OWN_COLUMNS = frozenset({"id", "name", "created_at"})
_COUNTS = (
    "SELECT datasets.*, "  # noqa: S608 - a constant is put in
    f"(SELECT count(*) FROM examples WHERE dataset_id = datasets.id AND valid_to = {STILL_VALID}) AS example_count, "
    "(SELECT count(*) FROM sessions WHERE reference_dataset_id = datasets.id) AS session_count, "
    "(SELECT max(start_us) FROM sessions WHERE reference_dataset_id = datasets.id) AS last_session_us, "
    "(SELECT max(as_of_us) FROM dataset_versions WHERE dataset_id = datasets.id) AS modified_us FROM datasets"
)


class DatasetStore:
    """The tables `datasets`, `dataset_versions` and `dataset_tags`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a dataset from the body of `POST /datasets`.

        Raises:
            ErrorResponse: 409 for a name or id that exists, 422 without a name.
        """
        check_transformations(body.get("transformations"))
        name = body.get("name")
        if not isinstance(name, str) or not name:
            raise unprocessable("name is required")
        identity = str(body.get("id") or uuid.uuid4()).lower()
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT INTO datasets VALUES (?, ?, ?, ?)",
                    (identity, name, microseconds(self._now()), dump(_rest(body))),
                )
                self.new_version(identity)
        except sqlite3.IntegrityError as error:
            raise conflict(f"Dataset with name {name!r} or id {identity} already exists.") from error
        return self.get(identity)

    def get(self, identity: str) -> dict[str, Any]:
        """One dataset.

        Raises:
            ErrorResponse: 404.
        """
        row = self._database.row(f"{_COUNTS} WHERE id = ?", (identity.lower(),))
        if row is None:
            raise not_found("Dataset")
        return _dataset(row)

    def find(
        self,
        *,
        ids: list[str] | None = None,
        name: str | None = None,
        name_contains: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Datasets that meet every given condition, newest first."""
        where = Conditions()
        where.id_of("id", ids or ())
        where.named(name=name, name_contains=name_contains)
        rows = self._database.rows(
            f"{_COUNTS} WHERE {where.sql} ORDER BY created_us DESC, id LIMIT ? OFFSET ?",
            (*where.arguments, limit, offset),
        )
        return [_dataset(row) for row in rows]

    def update(self, identity: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Apply the body of `PATCH /datasets/{id}`.

        Raises:
            ErrorResponse: 404, or 409 for a name that is taken.
        """
        check_transformations(changes.get("transformations"))
        dataset = self.get(identity)
        with self._database.transaction() as connection:
            row = self._database.row("SELECT body FROM datasets WHERE id = ?", (dataset["id"],))
            body = {**orjson.loads(row["body"] if row else "{}"), **_rest(changes)}
            try:
                connection.execute(
                    "UPDATE datasets SET name = ?, body = ? WHERE id = ?",
                    (changes.get("name") or dataset["name"], dump(body), dataset["id"]),
                )
            except sqlite3.IntegrityError as error:
                raise conflict(f"Dataset with name {changes['name']!r} already exists.") from error
        return self.get(identity)

    def delete(self, identity: str) -> None:
        """Delete a dataset, its examples and versions; experiments over it stay.

        Raises:
            ErrorResponse: 404.
        """
        self.get(identity)
        with self._database.transaction() as connection:
            for statement in (
                "DELETE FROM examples WHERE dataset_id = ?",
                "DELETE FROM dataset_tags WHERE dataset_id = ?",
                "DELETE FROM dataset_versions WHERE dataset_id = ?",
                "DELETE FROM comparisons WHERE dataset_id = ?",
                "DELETE FROM datasets WHERE id = ?",
            ):
                connection.execute(statement, (identity,))

    def new_version(self, identity: str) -> int:
        """Add a version and return its time in microseconds, which is later than the last one's."""
        with self._database.transaction() as connection:
            row = self._database.row(
                "SELECT max(as_of_us) AS last FROM dataset_versions WHERE dataset_id = ?", (identity,)
            )
            last = row["last"] if row and row["last"] is not None else 0
            version = max(microseconds(self._now()), last + 1)
            connection.execute("INSERT INTO dataset_versions VALUES (?, ?)", (identity, version))
        return version

    def resolve(self, identity: str, as_of: str | None) -> int:
        """The version in force at `as_of` (a time, a tag, or `latest`), as its time in microseconds.

        Raises:
            ErrorResponse: 404 for an unknown dataset or tag, or a time before its first version.
        """
        self.get(identity)
        moment: int | None = STILL_VALID
        if as_of is not None and as_of != LATEST:
            row = self._database.row(
                "SELECT as_of_us FROM dataset_tags WHERE dataset_id = ? AND tag = ?", (identity, as_of)
            )
            try:
                # A "+" of an offset in a query string arrives as a space.
                moment = row["as_of_us"] if row else to_us(as_of.replace(" ", "+") if "T" in as_of else as_of)
            except TimeError as error:
                raise not_found(f"Dataset version {as_of!r}") from error
        row = self._database.row(
            "SELECT max(as_of_us) AS version FROM dataset_versions WHERE dataset_id = ? AND as_of_us <= ?",
            (identity, moment),
        )
        if row is None or row["version"] is None:
            raise not_found(f"Dataset version {as_of!r}")
        return int(row["version"])

    def version(self, identity: str, as_of: str | None) -> dict[str, Any]:
        """The version in force at `as_of`: `{"tags", "as_of"}`.

        Raises:
            ErrorResponse: 404.
        """
        return self._shape_version(self.resolve(identity, as_of), self._tags(identity))

    def versions(self, identity: str, *, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """Versions, newest first, each with its tags; the newest has `latest` too.

        Raises:
            ErrorResponse: 404.
        """
        tags = self._tags(identity)
        rows = self._database.rows(
            "SELECT as_of_us FROM dataset_versions WHERE dataset_id = ? ORDER BY as_of_us DESC LIMIT ? OFFSET ?",
            (identity, limit, offset),
        )
        return [self._shape_version(row["as_of_us"], tags) for row in rows]

    def _tags(self, identity: str) -> dict[int, list[str]]:
        tags: dict[int, list[str]] = {self.resolve(identity, None): [LATEST]}
        for row in self._database.rows("SELECT tag, as_of_us FROM dataset_tags WHERE dataset_id = ?", (identity,)):
            tags.setdefault(row["as_of_us"], []).append(row["tag"])
        return tags

    @staticmethod
    def _shape_version(version: int, tags: dict[int, list[str]]) -> dict[str, Any]:
        return {"tags": tags.get(version), "as_of": from_us(version)}

    def tag(self, identity: str, tag: str, as_of: str) -> dict[str, Any]:
        """Tag an exact version; an existing tag moves.

        Raises:
            ErrorResponse: 404 if no version has exactly this time.
        """
        version = self.resolve(identity, as_of)
        if from_us(version) != from_us(to_us(as_of)):
            raise not_found(f"Dataset version {as_of}")
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO dataset_tags VALUES (?, ?, ?)", (identity, tag, version))
        return {"tags": [tag], "as_of": from_us(version)}


def _rest(body: dict[str, Any]) -> dict[str, Any]:
    extra = body.get("extra") or {}
    rest = {key: value for key, value in body.items() if key not in _OWN_COLUMNS and key != "extra"}
    if "metadata" not in rest and isinstance(extra, dict) and "metadata" in extra:
        rest["metadata"] = extra["metadata"]
    return rest


def _dataset(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "description": None,
        "data_type": "kv",
        "metadata": None,
        "externally_managed": False,
        "inputs_schema_definition": None,
        "outputs_schema_definition": None,
        "transformations": None,
        **orjson.loads(row["body"]),
        "id": row["id"],
        "name": row["name"],
        "tenant_id": TENANT_ID,
        "created_at": from_us(row["created_us"]),
        "modified_at": from_us(row["modified_us"] or row["created_us"]),
        "example_count": row["example_count"],
        "session_count": row["session_count"],
        "last_session_start_time": from_us(row["last_session_us"]),
    }
