"""Write frames to the database: runs, payloads, feedback and attachments, in one transaction for each request."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.langsmith.protocol.usage import RunUsage, usage_of
from eval_pipeline.recorder.frame import PAYLOAD_FIELDS, Frame, RunOp
from eval_pipeline.recorder.store.codec import dump, pack, to_us, unpack
from eval_pipeline.recorder.store.costs import with_cost
from eval_pipeline.recorder.store.database import Database, placeholders
from eval_pipeline.recorder.store.feedback import FeedbackStore
from eval_pipeline.recorder.store.sessions import DEFAULT_SESSION, SessionStore

ALREADY_RECEIVED = {"error": "Conflict: payload already received: payloads already received"}
"""langsmith-sdk#1529: a run takes one POST and one PATCH."""

_COLUMNS = [
    "id",
    "trace_id",
    "parent_id",
    "session_id",
    "dotted_order",
    "name",
    "run_type",
    "start_us",
    "end_us",
    "error",
    "tags",
    "reference_example_id",
    "replayed",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_cost",
    "completion_cost",
    "total_cost",
    "usage_details",
    "posted",
    "patched",
]
_FLAGS = frozenset({"posted", "patched", "replayed"})
_PLACE = frozenset({"trace_id", "session_id"})
"""Columns that a run's post decides; a patch that came first could only assume them."""


def _upsert(table: str, key: str, columns: Iterable[str], *, newer_wins: bool) -> str:
    """SQL that inserts a row, or fills in the columns that the other operation of the same run left empty."""
    changes = []
    for column in columns:
        old, new = f"{table}.{column}", f"excluded.{column}"
        if column in _FLAGS:
            changes.append(f"{column} = max({old}, {new})")
        elif column in _PLACE:
            changes.append(f"{column} = {old if newer_wins else new}")
        elif newer_wins:
            changes.append(f"{column} = coalesce({new}, {old})")
        else:
            changes.append(f"{column} = coalesce({old}, {new})")
    names = [key, *columns]
    values = ", ".join(f":{name}" for name in names)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values}) "  # noqa: S608 - names are this module's constants
        f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(changes)}"
    )


# A patch that arrives before its post (the network reorders) must not be overwritten by it.
_RUN_SQL = {kind: _upsert("runs", "id", _COLUMNS[1:], newer_wins=kind == "patch") for kind in ("post", "patch")}
_PAYLOAD_SQL = {
    kind: _upsert("payloads", "run_id", PAYLOAD_FIELDS, newer_wins=kind == "patch") for kind in ("post", "patch")
}


class Ingest:
    """Stores validated frames."""

    def __init__(
        self, database: Database, sessions: SessionStore, feedback: FeedbackStore, *, max_runs_per_trace: int
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._feedback = feedback
        self._max_runs_per_trace = max_runs_per_trace

    def apply(self, frame: Frame) -> None:
        """Store all of a frame or nothing.

        Operations received before are skipped. If nothing in the frame is new the answer is 409, which clients treat
        as success. (Whether LangSmith answers a mixed frame with 202 or 409 is not published; both mean "stored".)

        Raises:
            ErrorResponse: 409, 404 for an unknown session id, 422 beyond the runs-per-trace limit.
        """
        with self._database.transaction() as connection:
            fresh = self._fresh(frame.runs)
            if frame.runs and not fresh and not frame.feedback and not frame.attachments:
                raise ErrorResponse(409, ALREADY_RECEIVED)
            self._check_trace_sizes([op for op in fresh if op.kind == "post"])
            sessions: dict[str, str] = {}
            for operation in fresh:
                self._store(connection, operation, sessions)
            for feedback in frame.feedback:
                self._feedback.put(feedback)
            connection.executemany(
                "INSERT OR REPLACE INTO attachments VALUES (?, ?, ?, ?)",
                [(file.owner_id, file.name, file.content_type, file.data) for file in frame.attachments],
            )

    def _fresh(self, operations: list[RunOp]) -> list[RunOp]:
        ids = list({operation.run_id for operation in operations})
        rows = self._database.rows(
            f"SELECT id, posted, patched FROM runs WHERE id IN ({placeholders(ids)})",  # noqa: S608
            ids,
        )
        done = {(row["id"], kind) for row in rows for kind in ("post", "patch") if row[f"{kind}ed"]}
        fresh = []
        for operation in operations:
            key = (operation.run_id, operation.kind)
            if key not in done:
                done.add(key)
                fresh.append(operation)
        return fresh

    def _check_trace_sizes(self, posts: list[RunOp]) -> None:
        added = Counter(str(operation.values.get("trace_id") or operation.run_id).lower() for operation in posts)
        for trace_id, count in added.items():
            row = self._database.row("SELECT count(*) AS stored FROM runs WHERE trace_id = ?", (trace_id,))
            if row is not None and row["stored"] + count > self._max_runs_per_trace:
                message = f"trace {trace_id} exceeds the maximum of {self._max_runs_per_trace} runs per trace"
                raise ErrorResponse(422, {"error": f"Unprocessable entity: {message}"})

    def _store(self, connection: sqlite3.Connection, operation: RunOp, sessions: dict[str, str]) -> None:
        columns = _run_columns(operation.run_id, operation.kind, operation.values, self._usage(operation))
        columns["session_id"] = self._session_of(operation, sessions)
        connection.execute(_RUN_SQL[operation.kind], columns)
        if operation.payload:
            payload: dict[str, Any] = {name: pack(operation.payload.get(name)) for name in PAYLOAD_FIELDS}
            connection.execute(_PAYLOAD_SQL[operation.kind], {"run_id": operation.run_id, **payload})

    def _usage(self, operation: RunOp) -> RunUsage:
        """The usage that an operation states, with its cost; a patch's model is that of its post."""
        run = operation.values
        usage = usage_of(run.get("extra"), run.get("outputs"))
        if usage is None:
            return RunUsage()
        run_type, metadata = run.get("run_type"), _metadata_of(run.get("extra"))
        if operation.kind == "patch" and (run_type is None or "ls_model_name" not in metadata):
            row = self._database.row(
                "SELECT run_type, extra FROM runs LEFT JOIN payloads ON run_id = id WHERE id = ?", (operation.run_id,)
            )
            if row is not None:
                run_type, metadata = run_type or row["run_type"], {**_metadata_of(unpack(row["extra"])), **metadata}
        return with_cost(usage, run_type, metadata)

    def _session_of(self, operation: RunOp, ids: dict[str, str]) -> str:
        """The session's id; an unknown session *name* creates a project of that name, as LangSmith does."""
        identity = operation.values.get("session_id")
        name = operation.values.get("session_name") or DEFAULT_SESSION
        key = str(identity or name)
        if key not in ids:
            ids[key] = self._sessions.get(str(identity))["id"] if identity else self._sessions.get_or_create(name)
        return ids[key]


def _metadata_of(extra: Any) -> dict[str, Any]:
    metadata = extra.get("metadata") if isinstance(extra, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def _run_columns(run_id: str, kind: str, run: dict[str, Any], usage: RunUsage) -> dict[str, Any]:
    tags, metadata = run.get("tags"), _metadata_of(run.get("extra"))
    parent, example, error = run.get("parent_run_id"), run.get("reference_example_id"), run.get("error")
    replayed = metadata.get("replayed") is True or "replayed" in (tags or ())
    return {
        "id": run_id,
        "trace_id": str(run.get("trace_id") or run_id).lower(),
        "parent_id": str(parent).lower() if parent else None,
        "dotted_order": run.get("dotted_order"),
        "name": run.get("name"),
        "run_type": run.get("run_type"),
        "start_us": to_us(run.get("start_time")),
        "end_us": to_us(run.get("end_time")),
        "error": error if error is None or isinstance(error, str) else dump(error),
        "tags": dump(tags) if tags else None,
        "reference_example_id": str(example).lower() if example else None,
        "replayed": replayed,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_cost": usage.prompt_cost,
        "completion_cost": usage.completion_cost,
        "total_cost": usage.total_cost,
        "usage_details": dump(usage.details) if usage.details else None,
        "posted": kind == "post",
        "patched": kind == "patch",
    }
