"""`LangSmithTelemetryHandler`: makes traces of the events of WINK's dispatchers."""

import datetime as dt
import functools
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langsmith import Client

from eval_pipeline.langsmith.protocol.jsonable import plain
from eval_pipeline.targets.wink_events import response_of, tool_events, usage_event, weakincentives
from eval_pipeline.telemetry.bus import EventBus
from eval_pipeline.telemetry.labels import labels_of, session_labels
from eval_pipeline.telemetry.trace_events import (
    LangSmithTraceCompleted,
    LangSmithTraceStarted,
    LangSmithUploadFailed,
)
from eval_pipeline.telemetry.turns import ReportedTurn, TimedEvent
from eval_pipeline.tracing.collect.telemetry import LangSmithTelemetry
from eval_pipeline.wink.config import LangSmithConfig

_PUBLISHED = (LangSmithTraceStarted, LangSmithTraceCompleted, LangSmithUploadFailed)


@dataclass(kw_only=True, eq=False)
class _Evaluation:
    """One evaluation of a prompt that is in progress."""

    name: str | None
    turn: ReportedTurn
    inner: list[ReportedTurn] = field(default_factory=list)
    """Evaluations that ended within it, until the event of the tool that made them."""


class LangSmithTelemetryHandler:
    """Subscribes to WINK's events and sends a trace of each evaluation: chain, model, tools.

    An evaluation within a tool of another, in the same session, is shown below that tool. The events
    `LangSmithTraceStarted`, `LangSmithTraceCompleted` and `LangSmithUploadFailed` are dispatched to the same
    dispatchers, from another thread.
    """

    def __init__(
        self,
        config: LangSmithConfig,
        *,
        client: Client | None = None,
        projects: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Iterable[str] | Mapping[str, Any] = (),
    ) -> None:
        """Send traces as `config` says.

        Args:
            config: the settings.
            client: the server and its key are this client's.
            projects: the project by the namespace of a prompt.
            metadata: of every run.
            tags: of every run.
        """
        self._bus = EventBus()
        settings = config.to_settings()
        self._telemetry = LangSmithTelemetry(
            client, project=config.project, projects=projects, metadata=metadata, tags=tags, settings=settings
        ).attach(self._bus)
        for kind in _PUBLISHED:
            self._bus.subscribe(self._pass_on, kind)
        self._dispatchers: list[Any] = []
        self._lock = threading.Lock()
        self._open: dict[object, list[_Evaluation]] = {}
        """By the session, or for none the thread: evaluations in progress, the innermost last."""

    def attach(self, bus: Any) -> None:
        """Subscribe to the events of a dispatcher."""
        for kind, handler in self._handlers():
            bus.subscribe(kind, handler)
        self._dispatchers.append(bus)

    def detach(self, bus: Any) -> None:
        """Unsubscribe from a dispatcher."""
        for kind, handler in self._handlers():
            bus.unsubscribe(kind, handler)
        self._dispatchers = [other for other in self._dispatchers if other is not bus]

    def flush(self, *, timeout: float | None = None) -> bool:
        """Wait until all that was reported has arrived; whether it has, as `LangSmithTelemetry.flush` returns it."""
        return self._telemetry.flush(timeout=timeout)

    def _handlers(self) -> list[tuple[type, Any]]:
        events = weakincentives("runtime.events")
        return [
            (events.PromptRendered, self._on_prompt_rendered),
            (events.ToolInvoked, self._on_tool_invoked),
            (events.PromptExecuted, self._on_prompt_executed),
        ]

    def _on_prompt_rendered(self, event: Any) -> None:
        name = f"{event.prompt_ns}/{event.prompt_key}"
        inputs = [plain(given) for given in event.render_inputs]
        turn = ReportedTurn(
            name=event.prompt_name or name,
            inputs=inputs[0] if len(inputs) == 1 and isinstance(inputs[0], dict) else {"inputs": inputs},
            started=event.created_at,
            labels=labels_of(event.session_id, prompt=name).within(session_labels()),
        )
        with self._lock:
            evaluations = self._open.setdefault(_key(event), [])
            nested = bool(evaluations)
            evaluations.append(_Evaluation(name=event.prompt_name, turn=turn))
        if not nested:
            turn.on_progress = functools.partial(self._bus.progress, to=self._telemetry)
            self._telemetry.begin(turn)
        descriptor = None if event.descriptor is None else plain(event.descriptor)
        rendered = {"rendered_prompt": event.rendered_prompt, "adapter": str(event.adapter), "descriptor": descriptor}
        names = {"prompt_ns": event.prompt_ns, "prompt_key": event.prompt_key, "prompt_name": turn.name}
        turn.emit({"type": "prompt_rendered", **names, **rendered})

    def _on_tool_invoked(self, event: Any) -> None:
        with self._lock:
            evaluation = self._evaluation(event)
            inner: list[ReportedTurn] = []
            if evaluation is not None:
                inner, evaluation.inner = evaluation.inner, []
        if evaluation is None:
            return
        call, result = tool_events(event)
        # The event comes when the tool has ended; what it evaluated meanwhile began after the call.
        began = min([turn.started for turn in inner], default=dt.datetime.now(tz=dt.UTC))
        evaluation.turn.events.append(TimedEvent(event=call, at=began))
        for turn in inner:
            evaluation.turn.add_turn(turn)
        evaluation.turn.emit(result)

    def _on_prompt_executed(self, event: Any) -> None:
        with self._lock:
            evaluation = self._evaluation(event)
            if evaluation is None:
                return
            evaluations = self._open[_key(event)]
            evaluations.remove(evaluation)
            outer = evaluations[-1] if evaluations else None
            if not evaluations:
                del self._open[_key(event)]
        turn = evaluation.turn
        usage = usage_event(event) or {"type": "usage", "model": str(event.adapter)}
        turn.emit(usage)
        for left in evaluation.inner:
            turn.add_turn(left)
        turn.answer(response_of(event.result))
        turn.end()
        if outer is None:
            self._bus.publish(turn, to=self._telemetry)
        else:
            with self._lock:
                outer.inner.append(turn)

    def _evaluation(self, event: Any) -> _Evaluation | None:
        """The innermost evaluation in progress that an event is of."""
        evaluations = self._open.get(_key(event), [])
        named = [each for each in evaluations if each.name is not None and each.name == event.prompt_name]
        candidates = named or evaluations
        return candidates[-1] if candidates else None

    def _pass_on(self, event: object) -> None:
        for dispatcher in self._dispatchers:
            dispatcher.dispatch(event)


def _key(event: Any) -> object:
    return threading.get_ident() if event.session_id is None else event.session_id
