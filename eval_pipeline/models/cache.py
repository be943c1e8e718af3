"""Answers of chat models on disk, by model, parameters and messages: LangChain's cache on one SQLite file.

Our own sixty lines, because the package that has one (langchain-community) brings dozens of others. Only answers are
kept, never errors.
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
"""Of the most bytes, when there were more; what was used longest ago goes first."""
_LOOK_EVERY = 64
"""Writes between two looks at the size."""


class AnswerFile:
    """The file. Threads and processes may share it; one that cannot be used answers nothing and keeps nothing."""

    def __init__(self, file: Path, *, max_bytes: int) -> None:
        self._max_bytes, self._lock, self._writes = max_bytes, threading.Lock(), 0
        self._said: set[str] = set()
        file.parent.mkdir(parents=True, exist_ok=True)
        # Answers may hold what users said.
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
                # An answer is worth as much where it cannot be written when it was used.
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("UPDATE answers SET used_at = ? WHERE key = ?", (now, key))
        return None if row is None else str(row[0])

    def put(self, key: str, answer: str) -> None:
        """Keep an answer."""
        values = (key, answer, len(answer.encode()), time.time())
        with self._lock:
            self._connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", values)
            if self._writes % _LOOK_EVERY == 0:
                self._make_room()
            self._writes += 1

    def complain(self, what: str, error: Exception) -> None:
        """Say what could not be done with it, once."""
        if what not in self._said:
            self._said.add(what)
            _log.warning("%s: %s", what, error)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._connection.execute("DELETE FROM answers")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @property
    def size_bytes(self) -> int:
        """Of all answers."""
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
        forgotten = """
            DELETE FROM answers WHERE key IN (
              SELECT key FROM (SELECT key, sum(size) OVER (ORDER BY used_at, key) - size AS before FROM answers)
              WHERE before < ?)"""
        self._connection.execute(forgotten, (excess,))


class CallCache(BaseCache):
    """The file as LangChain sees it. Calls of different `salt` do not see each other's answers."""

    def __init__(self, file: AnswerFile, *, salt: Sequence[Any]) -> None:
        self._file, self._salt = file, list(salt)

    @override
    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        try:
            answer = self._file.get(self._key(prompt, llm_string))
        except sqlite3.Error as error:
            self._file.complain("the cache of model calls cannot be read", error)
            return None
        return None if answer is None else [_generation(found) for found in json.loads(answer)]

    @override
    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        try:
            answer = json.dumps([_plain(found) for found in return_val], default=_as_json, ensure_ascii=False)
            self._file.put(self._key(prompt, llm_string), answer)
        except (TypeError, UnicodeError, sqlite3.Error) as error:
            self._file.complain("answers cannot be kept in the cache of model calls", error)

    @override
    def clear(self, **kwargs: Any) -> None:
        self._file.clear()

    # A look-up takes some 50 microseconds; handing it to a thread would take longer.
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
    """Structured answers carry the object that was read from them."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON")
