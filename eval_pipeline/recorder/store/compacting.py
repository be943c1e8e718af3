"""Make a database smaller, and copy it while it is in use."""

import sqlite3
from contextlib import closing
from pathlib import Path

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.recorder.filter_sql import PAYLOAD
from eval_pipeline.recorder.store.codec import repack
from eval_pipeline.recorder.store.database import Database

_ROWS = 1000


def compact(database: Database) -> None:
    """Compress what older versions stored as it came, and give the room of deleted rows back to the disk."""
    names, last = ", ".join(PAYLOAD), 0
    while rows := database.rows(
        f"SELECT rowid, {names} FROM payloads WHERE rowid > ? ORDER BY rowid LIMIT ?",  # noqa: S608 - our columns
        (last, _ROWS),
    ):
        last = rows[-1]["rowid"]
        smaller = [
            (*packed, row["rowid"])
            for row in rows
            if (packed := [repack(row[name]) for name in PAYLOAD]) != [row[name] for name in PAYLOAD]
        ]
        with database.transaction() as connection:
            connection.executemany(
                f"UPDATE payloads SET {', '.join(f'{name} = ?' for name in PAYLOAD)} WHERE rowid = ?",  # noqa: S608
                smaller,
            )
    with database.transaction() as connection:
        # They are read from the payload.
        connection.execute(
            "UPDATE runs SET inputs_preview = NULL, outputs_preview = NULL WHERE id IN (SELECT run_id FROM payloads) "
            "AND (inputs_preview IS NOT NULL OR outputs_preview IS NOT NULL)"
        )
    database.vacuum()


def back_up(path: Path, target: Path) -> None:
    """Copy a database, which a recorder may have open, as it is at one moment.

    Raises:
        InputError: there is no database, or there is a file at `target`.
    """
    if not path.exists():
        raise InputError(Problem(message=f"there is no database {path}", fix="name one with --db", field="--db"))
    if target.exists():
        raise InputError(Problem(message=f"{target} exists already", fix="name a file that does not", field="FILE"))
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
