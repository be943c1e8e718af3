"""Caches answers of chat models by model, parameters and messages, in one SQLite file. Errors are never cached.

LangChain's own SQLite cache is in langchain-community, which installs dozens of other packages.
"""

import contextlib
import hashlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.caches import BaseCache
from langchain_core.messages import message_to_dict, messages_from_dict
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel
from typing_extensions import override

_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY, answer TEXT NOT NULL, size INTEGER NOT NULL, used_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_use ON answers (used_at);
"""
_BUSY_SECONDS = 10.0
_KEPT_SHARE = 0.9
"""The share of `max_bytes` that stays when there are more; the least recently used answers go first."""
_CHECK_EVERY = 64
"""Writes between two checks of the size."""


class AnswerFile:
    """The SQLite file of answers, which threads and processes may share."""

    def __init__(self, file: Path, *, max_bytes: int) -> None:
        self._max_bytes, self._lock, self._writes = max_bytes, threading.Lock(), 0
        self._warned: set[str] = set()
        file.parent.mkdir(parents=True, exist_ok=True)
        # Answers may hold users' data.
        os.close(os.open(file, os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def get(self, key: str) -> str | None:
        """The answer under `key`."""
        with self._lock:
            row = self._connection.execute("SELECT answer, used_at FROM answers WHERE key = ?", (key,)).fetchone()
            now = time.time()
            if row is not None and now - row[1] > 60:  # noqa: PLR2004 - a minute's precision saves most writes
                # The time of use is only needed to choose what to remove.
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("UPDATE answers SET used_at = ? WHERE key = ?", (now, key))
        return None if row is None else str(row[0])

    def put(self, key: str, answer: str) -> None:
        """Store an answer."""
        values = (key, answer, len(answer.encode()), time.time())
        with self._lock:
            self._connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", values)
            if self._writes % _CHECK_EVERY == 0:
                self._make_room()
            self._writes += 1

    def warn_once(self, message: str, error: Exception) -> None:
        """Log a warning, unless it was logged before."""
        if message not in self._warned:
            self._warned.add(message)
            _log.warning("%s: %s", message, error)

    def clear(self) -> None:
        """Remove all answers."""
        with self._lock:
            self._connection.execute("DELETE FROM answers")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @property
    def size_bytes(self) -> int:
        """The size of all answers."""
        with self._lock:
            return self._size()

    def _size(self) -> int:
        (size,) = self._connection.execute("SELECT coalesce(sum(size), 0) FROM answers").fetchone()
        return int(size)

    def _make_room(self) -> None:
        excess = self._size() - self._max_bytes
        if excess <= 0:
            return
        excess += int(self._max_bytes * (1 - _KEPT_SHARE))
        remove = """
            DELETE FROM answers WHERE key IN (
              SELECT key FROM (SELECT key, sum(size) OVER (ORDER BY used_at, key) - size AS before FROM answers)
              WHERE before < ?)"""
        self._connection.execute(remove, (excess,))


class CallCache(BaseCache):
    """The file as a LangChain cache. Calls of different `salt` do not share answers."""

    def __init__(self, file: AnswerFile, *, salt: Sequence[Any]) -> None:
        self._file, self._salt = file, list(salt)

    @override
    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        try:
            answer = self._file.get(self._key(prompt, llm_string))
        except sqlite3.Error as error:
            self._file.warn_once("the cache of model calls cannot be read", error)
            return None
        return None if answer is None else [_generation(stored) for stored in json.loads(answer)]

    @override
    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        try:
            answer = json.dumps([_plain(generation) for generation in return_val], default=_as_json, ensure_ascii=False)
            self._file.put(self._key(prompt, llm_string), answer)
        except (TypeError, UnicodeError, sqlite3.Error) as error:
            self._file.warn_once("answers cannot be stored in the cache of model calls", error)

    @override
    def clear(self, **kwargs: Any) -> None:
        self._file.clear()

    # A look-up takes some 50 microseconds; a thread would take longer.
    @override
    async def alookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        return self.lookup(prompt, llm_string)

    @override
    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        self.update(prompt, llm_string, return_val)

    def _key(self, prompt: str, llm_string: str) -> str:
        return hashlib.sha256(json.dumps([self._salt, prompt, llm_string]).encode()).hexdigest()


def _plain(generation: Generation) -> dict[str, Any]:
    if not isinstance(generation, ChatGeneration):
        raise TypeError("not an answer of a chat model")
    return {"message": message_to_dict(generation.message), "info": generation.generation_info}


def _generation(plain: dict[str, Any]) -> ChatGeneration:
    (message,) = messages_from_dict([plain["message"]])
    return ChatGeneration(message=message, generation_info=plain["info"])


def _as_json(value: Any) -> Any:
    """Structured answers hold the object that was parsed from them."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON")
