"""The SQLite file: one connection, transactions, and the conditions of queries."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.recorder.store.schema import MIGRATIONS, SCHEMA, VERSION


class Database:
    """One connection that all threads of the server share.

    SQLite writes one transaction at a time, and a lock for the microseconds of a statement costs less than a pool.
    `path` may be `:memory:`.
    """

    def __init__(self, path: Path | str) -> None:
        if str(path) != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        # NORMAL in WAL mode survives a killed process; only a crashed machine can lose the last transactions.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "cache_size=-65536"):
            self._connection.execute(f"PRAGMA {pragma}")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            message = f"{self._path} is of version {version}, which a later eval_pipeline wrote; this one has {VERSION}"
            raise InputError(Problem(message=message, fix="upgrade eval_pipeline, or name another file", field="--db"))
        for number in range(version + 1, VERSION + 1):
            self._connection.executescript(MIGRATIONS[number])
        self._connection.executescript(SCHEMA)
        if version < VERSION:
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO instance SELECT ? WHERE NOT EXISTS (SELECT 1 FROM instance)", (str(uuid4()),)
            )

    @property
    def instance_id(self) -> str:
        """The id of this database: another one's at the same address, or a copy's, differs."""
        row = self.row("SELECT id FROM instance")
        assert row is not None
        return _instance_id(row["id"], self._path)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit all changes of the block or none; a nested block joins the outer transaction."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, sql: str, arguments: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, arguments).fetchall()

    def row(self, sql: str, arguments: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, or `None`."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(sql, arguments).fetchone()
            return row

    def clear(self) -> None:
        """Delete every row of every table."""
        with self.transaction() as connection:
            tables = self.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            for table in tables:
                if table["name"] == "instance":
                    continue
                connection.execute(f"DELETE FROM {table['name']}")  # noqa: S608 - names of our own tables

    def vacuum(self) -> None:
        """Write the file anew, without room."""
        with self._lock:
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file, which folds the write-ahead log back into it."""
        with self._lock:
            self._connection.close()


def stored_instance_id(path: Path) -> str | None:
    """The `instance_id` of a database that another process may have open; None if there is none yet."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with suppress(sqlite3.Error, OSError), closing(sqlite3.connect(uri, uri=True)) as connection:
        row = connection.execute("SELECT id FROM instance").fetchone()
        return None if row is None else _instance_id(row[0], path)
    return None


def _instance_id(stored: str, path: Path | str) -> str:
    if str(path) == ":memory:":
        return stored
    # A copied home has a copy of the id, but a file of its own.
    file = Path(path).stat()
    return str(uuid5(UUID(stored), f"{file.st_dev}:{file.st_ino}"))


class Conditions:
    """A WHERE clause whose conditions all apply. Callers write columns and clauses; only values come from requests."""

    def __init__(self) -> None:
        self._clauses: list[str] = []
        self.arguments: list[Any] = []
        """The values of the `?` in `sql`, in order."""

    @property
    def sql(self) -> str:
        """The text after WHERE; without conditions it matches every row."""
        return " AND ".join(self._clauses) or "1"

    def holds(self, clause: str, *values: Any) -> None:
        """Require `clause`, with `values` for its question marks."""
        self._clauses.append(clause)
        self.arguments.extend(values)

    def given(self, clause: str, value: Any) -> None:
        """Require `clause` with `value`, unless that is None."""
        if value is not None:
            self.holds(clause, value)

    def one_of(self, column: str, values: Sequence[Any]) -> None:
        """Require that `column` is one of `values`, unless there are none."""
        if len(values) == 1:  # an equality, whose order an index can give
            self.holds(f"{column} = ?", values[0])
        elif values:
            self.holds(f"{column} IN ({placeholders(values)})", *values)

    def id_of(self, column: str, identities: Iterable[Any]) -> None:
        """As `one_of`, for ids, which are stored in lower case."""
        self.one_of(column, [str(identity).lower() for identity in identities])

    def present(self, column: str, *, there: bool | None) -> None:
        """Require that `column` has a value (True) or none (False), unless `there` is None."""
        if there is not None:
            self.holds(f"{column} IS {'NOT NULL' if there else 'NULL'}")

    def named(self, *, name: str | None, name_contains: str | None) -> None:
        """Require that the column `name` equals the one and contains the other, ignoring case."""
        self.given("name = ?", name)
        self.given("instr(lower(name), lower(?)) > 0", name_contains)


def placeholders(values: Sequence[object]) -> str:
    """`?,?,?` for an `IN (…)`."""
    return ",".join("?" * len(values))
