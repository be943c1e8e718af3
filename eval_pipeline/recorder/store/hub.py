"""The Prompt Hub: repositories, their commits, and tags on commits."""

import hashlib
import sqlite3
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from eval_pipeline.langsmith.protocol.error_responses import conflict, not_found, unprocessable
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.store.codec import dump, from_us, microseconds, pack, unpack
from eval_pipeline.recorder.store.database import Database

_MIN_HASH = 8
_TEXT_FIELDS = {"description": "", "readme": "", "tags": [], "is_public": False, "is_archived": False}


class HubStore:
    """The tables `repos`, `commits` and `commit_tags`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a repository from the body of `POST /repos`.

        Raises:
            ErrorResponse: 409 for a handle that exists, 422 without one.
        """
        handle = body.get("repo_handle")
        if not isinstance(handle, str) or not handle:
            raise unprocessable("repo_handle is required")
        now = microseconds(self._now())
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT INTO repos VALUES (?, ?, ?, ?, ?)", (str(uuid.uuid4()), handle, now, now, dump(body))
                )
        except sqlite3.IntegrityError as error:
            raise conflict(f"Repo {handle!r} already exists") from error
        return self.get(handle)

    def get(self, handle: str) -> dict[str, Any]:
        """One repository (schema `RepoWithLookups`).

        Raises:
            ErrorResponse: 404.
        """
        return self._repo(self._require(handle))

    def find(self, *, query: str | None = None, limit: int = 100, offset: int = 0) -> dict[str, Any]:
        """`{"repos", "total"}`, last changed first, whose handle contains `query`."""
        rows = self._database.rows(
            "SELECT * FROM repos WHERE instr(lower(handle), lower(?)) > 0 ORDER BY updated_us DESC, id", (query or "",)
        )
        page = rows[offset:] if limit < 0 else rows[offset : offset + limit]
        return {"repos": [self._repo(row) for row in page], "total": len(rows)}

    def update(self, handle: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Apply the body of `PATCH /repos/{owner}/{repo}`.

        Raises:
            ErrorResponse: 404.
        """
        row = self._require(handle)
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE repos SET body = ?, updated_us = ? WHERE id = ?",
                (dump({**orjson.loads(row["body"]), **changes}), microseconds(self._now()), row["id"]),
            )
        return self.get(handle)

    def delete(self, handle: str) -> None:
        """Delete a repository with its commits.

        Raises:
            ErrorResponse: 404.
        """
        repo_id = self._require(handle)["id"]
        with self._database.transaction() as connection:
            for statement in (
                "DELETE FROM commit_tags WHERE repo_id = ?",
                "DELETE FROM commits WHERE repo_id = ?",
                "DELETE FROM repos WHERE id = ?",
            ):
                connection.execute(statement, (repo_id,))

    def commit(self, handle: str, body: dict[str, Any]) -> dict[str, Any]:
        """Add a commit; its hash is over the manifest and its parent.

        Raises:
            ErrorResponse: 404 for the repository, 409 where the manifest is the newest one's ("Nothing to commit") or
                the parent is not the newest commit.
        """
        repo = self._require(handle)
        manifest = orjson.dumps(body.get("manifest"), option=orjson.OPT_SORT_KEYS)
        with self._database.transaction() as connection:
            last = self._database.row(
                "SELECT * FROM commits WHERE repo_id = ? ORDER BY number DESC LIMIT 1", (repo["id"],)
            )
            parent = last["hash"] if last else None
            if last and orjson.dumps(unpack(last["manifest"]), option=orjson.OPT_SORT_KEYS) == manifest:
                raise conflict("Nothing to commit: prompt has not changed since latest commit")
            if body.get("parent_commit") and not (parent or "").startswith(body["parent_commit"]):
                raise conflict("parent_commit is not the latest commit")
            digest = hashlib.sha256(manifest + (parent or "").encode()).hexdigest()
            number, identity, now = (last["number"] if last else 0) + 1, str(uuid.uuid4()), microseconds(self._now())
            connection.execute(
                "INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (identity, repo["id"], number, digest, parent, now, body.get("description"), pack(manifest)),
            )
            connection.execute("UPDATE repos SET updated_us = ? WHERE id = ?", (now, repo["id"]))
        return self._summary(self._find_commit(repo["id"], digest))

    def read(self, handle: str, reference: str) -> dict[str, Any]:
        """The commit that `latest`, a tag, or a hash of at least 8 characters names, with its manifest.

        Raises:
            ErrorResponse: 404.
        """
        row = self._find_commit(self._require(handle)["id"], reference)
        return {**self._summary(row), "manifest": unpack(row["manifest"]), "examples": []}

    def commits(self, handle: str, *, limit: int = 100, offset: int = 0) -> dict[str, Any]:
        """`{"commits", "total"}`, newest first.

        Raises:
            ErrorResponse: 404.
        """
        rows = self._database.rows(
            "SELECT * FROM commits WHERE repo_id = ? ORDER BY number DESC", (self._require(handle)["id"],)
        )
        return {"commits": [self._summary(row) for row in rows[offset : offset + limit]], "total": len(rows)}

    def tag(self, handle: str, tag: str, commit_id: str) -> dict[str, Any]:
        """Tag a commit; an existing tag moves.

        Raises:
            ErrorResponse: 404.
        """
        repo = self._require(handle)
        row = self._database.row("SELECT * FROM commits WHERE repo_id = ? AND id = ?", (repo["id"], commit_id))
        if row is None:
            raise not_found("Commit")
        now = microseconds(self._now())
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO commit_tags VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (repo_id, tag) "
                "DO UPDATE SET commit_id = excluded.commit_id, updated_us = excluded.updated_us",
                (repo["id"], tag, str(uuid.uuid4()), commit_id, now, now),
            )
        return next(entry for entry in self.tags(handle) if entry["tag_name"] == tag)

    def delete_tag(self, handle: str, tag: str) -> None:
        """Delete a tag.

        Raises:
            ErrorResponse: 404.
        """
        repo = self._require(handle)
        if tag not in {entry["tag_name"] for entry in self.tags(handle)}:
            raise not_found(f"Tag {tag!r}")
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM commit_tags WHERE repo_id = ? AND tag = ?", (repo["id"], tag))

    def tags(self, handle: str) -> list[dict[str, Any]]:
        """The tags of a repository by name (schema `RepoTag`).

        Raises:
            ErrorResponse: 404.
        """
        rows = self._database.rows(
            "SELECT commit_tags.*, hash FROM commit_tags JOIN commits ON commits.id = commit_id "
            "WHERE commit_tags.repo_id = ? ORDER BY tag",
            (self._require(handle)["id"],),
        )
        return [
            {
                "id": row["id"],
                "repo_id": row["repo_id"],
                "tag_name": row["tag"],
                "commit_id": row["commit_id"],
                "commit_hash": row["hash"],
                "created_at": from_us(row["created_us"]),
                "updated_at": from_us(row["updated_us"]),
            }
            for row in rows
        ]

    def _require(self, handle: str) -> sqlite3.Row:
        row = self._database.row("SELECT * FROM repos WHERE handle = ?", (handle,))
        if row is None:
            raise not_found(f"Repo {handle!r}")
        return row

    def _find_commit(self, repo_id: str, reference: str) -> sqlite3.Row:
        conditions = ["id = (SELECT commit_id FROM commit_tags WHERE repo_id = ?1 AND tag = ?2)"]
        if reference == "latest":
            conditions = ["?2 = 'latest'"]
        elif len(reference) >= _MIN_HASH and all(character in "0123456789abcdef" for character in reference):
            # A tag may look like a hash: `20261130`.
            conditions.insert(0, "substr(hash, 1, length(?2)) = ?2")
        for condition in conditions:
            row = self._database.row(
                f"SELECT * FROM commits WHERE repo_id = ?1 AND {condition} ORDER BY number DESC LIMIT 1",  # noqa: S608
                (repo_id, reference),
            )
            if row is not None:
                return row
        raise not_found(f"Commit {reference!r}")

    def _summary(self, row: sqlite3.Row) -> dict[str, Any]:
        summary = {
            "id": row["id"],
            "repo_id": row["repo_id"],
            "commit_hash": row["hash"],
            "parent_commit_hash": row["parent_hash"],
            "description": row["description"],
            "created_at": from_us(row["created_us"]),
            "updated_at": from_us(row["created_us"]),
            "manifest_id": row["id"],
            "example_run_ids": [],
            "num_downloads": 0,
            "num_views": 0,
        }
        # The published schema has no null here.
        return {name: value for name, value in summary.items() if value is not None}

    def _repo(self, row: sqlite3.Row) -> dict[str, Any]:
        counted = self._database.row(
            "SELECT count(*) AS n, (SELECT hash FROM commits WHERE repo_id = ?1 ORDER BY number DESC LIMIT 1) AS last "
            "FROM commits WHERE repo_id = ?1",
            (row["id"],),
        )
        body = orjson.loads(row["body"])
        return {
            **{name: body.get(name, default) for name, default in _TEXT_FIELDS.items()},
            "repo_type": body.get("repo_type") or "prompt",
            "id": row["id"],
            "repo_handle": row["handle"],
            "full_name": f"-/{row['handle']}",
            "owner": None,
            "tenant_id": TENANT_ID,
            "created_at": from_us(row["created_us"]),
            "updated_at": from_us(row["updated_us"]),
            "num_commits": counted["n"] if counted else 0,
            "last_commit_hash": counted["last"] if counted else None,
            "num_likes": 0,
            "num_downloads": 0,
            "num_views": 0,
        }
