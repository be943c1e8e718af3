"""Report the turn in progress: `turn` begins and ends it, `emit` adds events to it.

Reporting costs the agent a copy of the event and an append to a list. It sends nothing, waits for nothing and raises
nothing.
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.telemetry.bus import BUS, TurnTracer
from eval_pipeline.telemetry.event import Event
from eval_pipeline.telemetry.labels import labels_of, session_labels
from eval_pipeline.telemetry.turns import ReportedTurn

_log = logger_of(__name__)

Sink = Callable[[ReportedTurn], None]
_current: contextvars.ContextVar[ReportedTurn | None] = contextvars.ContextVar("telemetry_turn", default=None)
_listener: contextvars.ContextVar[Sink | None] = contextvars.ContextVar("telemetry_listener", default=None)


def emit(event: Event) -> bool:
    """Add an event to the turn in progress in this task, in the task that started it, or in a sync target's thread.

    A thread you start sees the turn if it runs in a copy of the context, as `asyncio.to_thread` does; otherwise pass it
    the object that `turn` yields and call its `emit`. Never blocks and never raises. Outside of a turn it does nothing.

    Returns:
        Whether the event was added.
    """
    current = _current.get()
    return False if current is None else current.emit(event)


@contextlib.contextmanager
def turn(
    name: str,
    inputs: Any = None,
    *,
    session_id: object = None,
    tags: Iterable[str] | Mapping[str, Any] = (),
    metadata: Mapping[str, Any] | None = None,
    prompt: str | None = None,
    to: Sink | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Iterator[ReportedTurn]:
    """Report a turn of the agent `name`: as an event of the turn around it or, where there is none, to `BUS`.

    Args:
        name: The agent's name.
        inputs: What the agent is asked.
        session_id: The conversation it belongs to; by default that of `session`, or of the outer turn.
        tags: Of every run of the turn, besides those of the session and the outer turn; a mapping gives tags such as
            `environment:production`, and metadata.
        metadata: Of every run of the turn, likewise.
        prompt: The name of its prompt, such as `support/answer`; by its namespace `LangSmithTelemetry` finds a project.
        to: Receives the ended turn instead, nested or not.
        on_event: Called with each event as it is emitted; by default the outer turn's.

    Raises:
        Exception: What the body raises; the turn keeps it as its error.
    """
    outer = _current.get()
    on_event = outer.on_event if on_event is None and outer is not None else on_event
    inputs = inputs if isinstance(inputs, Mapping) else {"input": inputs}
    labels = labels_of(session_id, tags, metadata, prompt)
    labels = labels.within(session_labels() if outer is None else outer.labels)
    current = ReportedTurn(name=name, inputs=inputs, on_event=on_event, labels=labels)
    _show_progress(current, outer, to)
    token = _current.set(current)
    try:
        yield current
    except BaseException as error:
        current.end(error)
        raise
    finally:
        # A generator may be closed in another context than it was begun in.
        with contextlib.suppress(ValueError):
            _current.reset(token)
        if current.ended is None:
            current.end()
        _hand_over(current, outer, to)


def _show_progress(begun: ReportedTurn, outer: ReportedTurn | None, to: Sink | None) -> None:
    """Have the turn shown while it is in progress, if a trace is made of it."""
    tracer = to if isinstance(to, TurnTracer) else None
    if tracer is not None or (to is None and outer is None and BUS.tracers):
        begun.on_progress = functools.partial(BUS.progress, to=tracer)
        BUS.begin(begun, to=tracer)


def _hand_over(ended: ReportedTurn, outer: ReportedTurn | None, to: Sink | None) -> None:
    try:
        if isinstance(to, TurnTracer):
            BUS.publish(ended, to=to)
        elif to is not None:
            to(ended)
        elif outer is None:
            BUS.publish(ended)
        else:
            outer.add_turn(ended)
    except Exception:  # noqa: BLE001 - as in `ReportedTurn.emit`
        _log.exception("the turn %r is not reported", ended.name)


@contextlib.contextmanager
def listening(sink: Sink) -> Iterator[None]:
    """Make `sink` the listener of this task and of the tasks it starts."""
    token = _listener.set(sink)
    try:
        yield
    finally:
        _listener.reset(token)


def listener() -> Sink | None:
    """The function that receives the turns of the evaluation in progress; None where nothing traces it."""
    return _listener.get()
