"""What an attempt read of the shared context, and whether it would read the same of another one.

A read is a call of `SharedContext` with a hash of what it returned, of a key that was missed as well. Where reads are
not known, such as those of a thread that has no attempt, the attempt counts as one that read everything.
"""

import contextlib
import hashlib
import json
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval_pipeline.context.shared_context import SharedContext

_MOST_READS = 2_000
"""Of one attempt; one with more counts as one that read everything."""


class ContextReads:
    """The reads of one attempt."""

    def __init__(self) -> None:
        self._reads: dict[str, str] = {}
        self.everything = False
        """Whether it may have read what is not recorded."""

    def add(self, method: str, arguments: Sequence[Any], returned: Any) -> None:
        """Add a call and what it returned."""
        if self.everything:
            return
        try:
            call = json.dumps([method, *arguments], ensure_ascii=False)
        except (TypeError, ValueError):
            self.everything = True
            return
        if call not in self._reads:
            self._reads[call] = hashed(returned)
            self.everything = len(self._reads) > _MOST_READS

    def as_text(self) -> str | None:
        """The reads as JSON; None if they are not known."""
        return None if self.everything else json.dumps(self._reads, ensure_ascii=False, sort_keys=True)


def merged_reads(first: str | None, second: str | None) -> str | None:
    """The reads of both, as JSON; None if those of one are not known."""
    if first is None or second is None:
        return None
    return json.dumps({**json.loads(first), **json.loads(second)}, ensure_ascii=False, sort_keys=True)


def hashed(returned: Any) -> str:
    """A short hash of what a read returned."""
    text = json.dumps(returned, default=repr, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def key_hash(key: Any) -> str | None:
    """A hash of a key that rows are looked up by, which may be personal data; None for one that is no text or number.

    Keys that Python takes for equal, such as 1 and 1.0, have equal hashes.
    """
    if isinstance(key, str):
        return hashed(["text", key])
    if isinstance(key, int | float):
        return hashed(["number", int(key) if float(key).is_integer() else float(key)])
    return None


_reads: ContextVar[ContextReads | None] = ContextVar("context_reads", default=None)
_active: "weakref.WeakSet[ContextReads]" = weakref.WeakSet()
_lock = threading.Lock()
_kept: dict[tuple[str, str], tuple[str, tuple[Any, ...], Any]] = {}
"""By context and call, reads of whole parts in this process, whose rows code may have kept for later attempts."""


@contextlib.contextmanager
def recording_reads(context_id: str) -> Iterator[ContextReads]:
    """Record what an attempt reads of a context, in this task and those that it starts."""
    reads = ContextReads()
    with _lock:
        _active.add(reads)
        kept = [read for (context, _), read in _kept.items() if context == context_id]
    for method, arguments, returned in kept:
        reads.add(method, arguments, returned)
    token = _reads.set(reads)
    try:
        yield reads
    finally:
        _reads.reset(token)
        with _lock:
            _active.discard(reads)


def record_read(method: str, arguments: Sequence[Any], returned: Any) -> None:
    """Record a call of the shared context."""
    reads = _reads.get()
    if reads is None:
        read_everything()
    else:
        reads.add(method, arguments, returned)


def record_whole(context_id: str, method: str, arguments: tuple[Any, ...], returned: Any) -> None:
    """Record a read of a whole table or of all patterns, which counts for all later attempts of this process, too."""
    with _lock:
        _kept[context_id, json.dumps([method, *arguments])] = (method, arguments, returned)
    record_read(method, arguments, returned)


def read_everything() -> None:
    """Record that something was read that no later call can repeat; without an attempt, by all that are in progress."""
    reads = _reads.get()
    if reads is not None:
        reads.everything = True
        return
    with _lock:
        for each in _active:
            each.everything = True


class HeldReads:
    """Whether reads of an earlier snapshot return the same of this one."""

    def __init__(self, context: "SharedContext") -> None:
        self._context = context
        self._returned: dict[str, str | None] = {}
        self._positions: dict[tuple[str, str], dict[str, int]] = {}

    def hold(self, reads: str | None) -> bool:
        """Whether all of these reads are known, and return the same."""
        if reads is None:
            return False
        return all(self._returns(call) == returned for call, returned in json.loads(reads).items())

    def _returns(self, call: str) -> str | None:
        if call not in self._returned:
            try:
                self._returned[call] = hashed(self._repeat(*json.loads(call)))
            except Exception:  # noqa: BLE001 - such as a table or column that is no longer there
                self._returned[call] = None
        return self._returned[call]

    def _repeat(self, method: str, *arguments: Any) -> Any:
        if method == "lookup":
            return self._looked_up(*arguments)
        repeat: Callable[..., Any] = getattr(self._context, f"read_{method}")
        return repeat(*arguments)

    def _looked_up(self, table: str, column: str | None, key: str) -> Any:
        column = column or self._context.key_column(table)
        position = self._positions_of(table, column).get(key)
        return None if position is None else self._context.row_at(table, position)

    def _positions_of(self, table: str, column: str) -> dict[str, int]:
        if (table, column) not in self._positions:
            values = self._context.read_column(table, column)
            # As `lookup`, which returns the first of several rows with one key.
            hashes = ((key_hash(value), index) for index, value in reversed(list(enumerate(values))))
            self._positions[table, column] = {key: index for key, index in hashes if key is not None}
        return self._positions[table, column]
