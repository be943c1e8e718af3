"""A turn: what an agent was asked, what happened until it answered, and the answer.

Reporting costs the agent a copy of the event and a place in a list: nothing is sent, waited for or raised here. A
turn takes `MOST_EVENTS` events, and counts those that it did not take.
"""

import contextlib
import contextvars
import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.telemetry.bus import BUS
from eval_pipeline.telemetry.event import Event, unreadable
from eval_pipeline.telemetry.plain import plain, text_of

_log = logger_of(__name__)

MOST_EVENTS = 10_000


@dataclass(frozen=True, kw_only=True)
class TimedEvent:
    """An event and when it was told; None where it was told after the fact."""

    event: Event
    at: dt.datetime | None


@dataclass(kw_only=True)
class Turn:
    """One turn, in progress or ended. Safe to report to from any thread."""

    name: str
    inputs: Mapping[str, Any]
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(tz=dt.UTC))
    events: list[Union[TimedEvent, "Turn"]] = field(default_factory=list)
    """In order; a turn among them is one that was taken by an agent that this one asked."""
    outputs: Mapping[str, Any] | None = None
    error: str | None = None
    ended: dt.datetime | None = None
    dropped: int = 0
    """Events that were not taken: unreadable, too many, or told after the end."""
    tell: Callable[[Event], None] | None = None
    """Is told each event as it is emitted."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def emit(self, event: Event) -> bool:
        """Take a copy of the event. Returns whether it was taken; never raises."""
        try:
            found = plain(event)
            problem = unreadable(found)
            if problem is not None:
                return self._drop(problem)
            taken = json.loads(json.dumps(found))
            kept = taken["type"] == "token" or self._add(TimedEvent(event=taken, at=dt.datetime.now(tz=dt.UTC)))
            if not kept:
                return self._drop("the turn has ended, or has too many events")
            if self.tell is not None:
                self.tell(taken)
        except Exception as error:  # noqa: BLE001 - whoever reports goes on, whatever is wrong with the report
            return self._drop(f"{type(error).__name__}: {text_of(error)}")
        return True

    def answer(self, outputs: Any) -> None:
        """What the turn came to."""
        self.outputs = outputs if isinstance(outputs, Mapping) else {"output": outputs}

    def end(self, error: BaseException | None = None) -> None:
        """Nothing is taken any more."""
        with self._lock:
            self.ended = dt.datetime.now(tz=dt.UTC)
        if error is not None:
            self.error = f"{type(error).__name__}: {text_of(error)}"

    def _add(self, item: Union[TimedEvent, "Turn"]) -> bool:
        with self._lock:
            takes = self.ended is None and len(self.events) < MOST_EVENTS
            if takes:
                self.events.append(item)
            return takes

    def _drop(self, reason: str) -> bool:
        with self._lock:
            self.dropped += 1
            first = self.dropped == 1
        if first:
            _log.warning("an event of the turn %r is dropped: %s", self.name, reason)
        return False


_current: contextvars.ContextVar[Turn | None] = contextvars.ContextVar("telemetry_turn", default=None)
Sink = Callable[[Turn], None]
_sink: contextvars.ContextVar[Sink | None] = contextvars.ContextVar("telemetry_sink", default=None)


def emit(event: Event) -> bool:
    """Report an event of the turn in progress here: in its task, in tasks it starts, in the thread of a sync target.

    A thread of your own has it if it runs in a copy of the context (`asyncio.to_thread` does); else keep the `Turn`,
    and ask its `emit`. Never blocks, never raises. Outside of a turn nobody asked, and nothing happens.

    Returns:
        Whether the event was taken.
    """
    current = _current.get()
    return False if current is None else current.emit(event)


@contextlib.contextmanager
def turn(
    name: str, inputs: Any = None, *, to: Sink | None = None, tell: Callable[[Event], None] | None = None
) -> Iterator[Turn]:
    """A turn of the agent `name`. Inside of another it is an event of that one; else it goes to `BUS` at its end.

    Args:
        name: of the agent.
        inputs: what it was asked.
        to: gets the ended turn instead, even if it is inside of another.
        tell: is told each event as it is emitted; by default whoever is told those of the turn around.

    Raises:
        Exception: what was raised inside, which is then the turn's error.
    """
    around = _current.get()
    tell = around.tell if tell is None and around is not None else tell
    made = Turn(name=name, inputs=inputs if isinstance(inputs, Mapping) else {"input": inputs}, tell=tell)
    token = _current.set(made)
    try:
        yield made
    except BaseException as error:
        made.end(error)
        raise
    finally:
        # A generator may be closed in another context than it was begun in.
        with contextlib.suppress(ValueError):
            _current.reset(token)
        if made.ended is None:
            made.end()
        _hand_over(made, around, to)


def _hand_over(made: Turn, around: Turn | None, to: Sink | None) -> None:
    try:
        if to is not None:
            to(made)
        elif around is None:
            BUS.publish(made)
        elif not around._add(made):  # noqa: SLF001 - of the same class
            around._drop("the turn around has ended, or has too many events")  # noqa: SLF001
    except Exception:  # noqa: BLE001 - as in `emit`
        _log.exception("the turn %r is not reported", made.name)


@contextlib.contextmanager
def listening(sink: Sink) -> Iterator[None]:
    """Within it, in this task and those it starts, `sink` is who `listener` names."""
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)


def listener() -> Sink | None:
    """Who gets the turns of an evaluation here: whoever traces it, or nobody."""
    return _sink.get()
