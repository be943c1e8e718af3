"""The journal: the newest writing requests as they were received, up to a number of bytes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import orjson

from eval_pipeline.recorder.store.codec import dump, from_us, microseconds
from eval_pipeline.recorder.store.database import Database


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """One request: headers without credentials, body as sent (compressed or not), status of the answer."""

    received_at: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int


class Journal:
    """The table `journal`, kept below `limit` bytes of bodies by dropping the oldest."""

    def __init__(self, database: Database, now: Callable[[], datetime], *, limit: int) -> None:
        self._database = database
        self._now = now
        self._limit = limit
        row = database.row("SELECT coalesce(sum(length(body)), 0) AS size FROM journal")
        self._size = int(row["size"]) if row else 0

    def add(self, *, method: str, path: str, headers: dict[str, str], body: bytes, status: int) -> None:
        """Add one request, unless it alone exceeds the limit."""
        if len(body) > self._limit:
            return
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO journal (received_us, method, path, headers, body, status) VALUES (?, ?, ?, ?, ?, ?)",
                (microseconds(self._now()), method, path, dump(headers), body, status),
            )
            self._size += len(body)
            while self._size > self._limit:
                row = self._database.row("SELECT seq, length(body) AS size FROM journal ORDER BY seq LIMIT 1")
                if row is None:
                    break
                connection.execute("DELETE FROM journal WHERE seq = ?", (row["seq"],))
                self._size -= row["size"]

    def entries(self) -> Iterator[JournalEntry]:
        """All requests, oldest first, read one at a time."""
        last = 0
        while row := self._database.row("SELECT * FROM journal WHERE seq > ? ORDER BY seq LIMIT 1", (last,)):
            last = row["seq"]
            yield JournalEntry(
                received_at=from_us(row["received_us"]) or "",
                method=row["method"],
                path=row["path"],
                headers=orjson.loads(row["headers"]),
                body=row["body"],
                status=row["status"],
            )
