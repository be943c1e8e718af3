"""Trace the turns that agents report outside of evaluations in LangSmith.

For example:

    telemetry = LangSmithTelemetry(project="support").attach()
    ...
    telemetry.flush(timeout=5)
"""

import atexit
import datetime as dt
import os
import threading
import time
import uuid
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from langsmith import Client
from langsmith.run_helpers import get_current_run_tree
from pydantic import SecretStr

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.settings import LangSmithSettings, store_root
from eval_pipeline.telemetry.bus import BUS, EventBus
from eval_pipeline.telemetry.labels import labels_of
from eval_pipeline.telemetry.turns import ReportedTurn
from eval_pipeline.tracing.collect.trace_deliveries import TraceDeliveries
from eval_pipeline.tracing.collect.turn_trace import TraceChanges, TurnTrace
from eval_pipeline.tracing.send.delivery_counts import DeliveryCounts
from eval_pipeline.tracing.send.flush import with_spool_of
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.shape.run import Anchor

_log = logger_of(__name__)

_DEFAULT_PROJECT = "default"
_EXIT_TIMEOUT_S = 2.0


class LangSmithTelemetry:
    """A handler of turns: makes a trace of each, visible from its first event on, in a project of LangSmith.

    Several handlers may be attached at once; each makes traces of its own. Runs are redacted, sampled, queued, spooled
    and sent as those of evaluations are.
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        project: str | None = None,
        projects: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Iterable[str] | Mapping[str, Any] = (),
        settings: LangSmithSettings | None = None,
    ) -> None:
        """Send traces to one server, or to those of the settings.

        Args:
            client: the server and its key are this client's; without `settings`, also where variables switch tracing
                off.
            project: of turns whose prompt's namespace is not in `projects`; by default the settings', or `default`.
            projects: the project by the namespace of a turn's prompt.
            metadata: of every run, such as a version or an environment; what a turn has itself comes before it.
            tags: of every run.
            settings: of destinations, queue, spool, sampling and redaction; by default the environment's.

        Raises:
            InputError: `client` has no address.
        """
        self._settings = _settings_of(client, settings)
        self._project = project or self._settings.project or _DEFAULT_PROJECT
        self._projects = dict(projects or {})
        self._labels = labels_of(None, tags, metadata)
        self._seed = uuid.uuid4().hex
        self._traces: dict[str, TurnTrace] = {}
        """Of turns in progress."""
        self._parents: dict[str, Anchor] = {}
        """Runs that turns began in, by the turn, until the turn has a trace."""
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._buses: list[EventBus] = []
        self._lost = 0
        self._deliveries = TraceDeliveries(self._settings, self._publish, self._is_awaited)
        self._sender = SpoolingSender(self._settings, on_result=self._deliveries.take)
        _end_turns_at_exit(self)

    def attach(self, bus: EventBus = BUS) -> "LangSmithTelemetry":
        """Subscribe to the turns of a bus."""
        if bus not in self._buses:
            self._buses.append(bus)
        bus.subscribe(self)
        return self

    def detach(self, bus: EventBus = BUS) -> None:
        """Unsubscribe from a bus. Call `flush` first: turns in its queue are handled no more."""
        bus.unsubscribe(self)
        if bus in self._buses:
            self._buses.remove(bus)

    def flush(self, *, timeout: float | None = None, bus: EventBus | None = None) -> bool:
        """Wait until all that was reported has arrived at LangSmith.

        Args:
            timeout: the longest to wait, in seconds.
            bus: waits for this bus; by default for those it is attached to.

        Returns:
            Whether everything that was reported until now has arrived. What has not is in the spool, and is sent by a
            later flush or `eval-pipeline traces flush`; what was lost since the last flush is counted in `counts`.
        """
        deadline = time.monotonic() + (threading.TIMEOUT_MAX / 2 if timeout is None else timeout)
        buses = [bus] if bus is not None else (self._buses or [BUS])
        handled = [each.flush(max(0.0, deadline - time.monotonic())) for each in buses]
        self._sender.flush(max(0.0, deadline - time.monotonic()))
        counts = self.counts
        lost = counts.lost + sum(each.counts.dropped for each in buses)
        lost_since, self._lost = lost - self._lost, lost
        return all(handled) and counts.not_arrived == counts.lost and lost_since <= 0

    @property
    def counts(self) -> DeliveryCounts:
        """What became of all runs so far, at all destinations."""
        return sum(self._sender.counts_by_destination.values(), DeliveryCounts())

    def close(self, *, timeout: float = 5.0) -> bool:
        """Flush, unsubscribe from all buses and stop; whether everything arrived, as `flush` returns it."""
        arrived = self.flush(timeout=timeout)
        for bus in list(self._buses):
            self.detach(bus)
        self._sender.close()
        return arrived

    def begin(self, turn: ReportedTurn) -> None:
        """Note the run of `@traceable` that a turn begins in: nothing else keeps it until the turn is sent."""
        run = get_current_run_tree()
        if run is None or run.client.api_url not in {server.api_url for server in self._settings.destinations}:
            return
        start = run.start_time
        self._parents[turn.id] = Anchor(
            run_id=str(run.id),
            trace_id=str(run.trace_id),
            dotted_order=run.dotted_order,
            start_time=start if start.tzinfo else start.replace(tzinfo=dt.UTC),
            session_name=str(run.session_name),
        )

    def progress(self, turn: ReportedTurn) -> None:
        """Send what is new of a turn in progress."""
        with self._lock:
            if turn.ended is not None or not self._settings.destinations or self._waits_for_prompt(turn):
                return
            trace = self._traces.get(turn.id)
            if trace is None:
                trace = self._traces[turn.id] = self._trace(turn)
            self._send(trace, trace.progress(), ended=False)

    def __call__(self, turn: ReportedTurn) -> None:
        """Send what is left of an ended turn."""
        with self._lock:
            if not self._settings.destinations:
                return
            trace = self._traces.pop(turn.id, None) or self._trace(turn)
            self._send(trace, trace.end(), ended=True)

    def _send(self, trace: TurnTrace, changes: TraceChanges, *, ended: bool) -> None:
        self._deliveries.expect(trace, changes, ended=ended)
        if changes.posts:
            self._sender.send_runs(changes.posts, hurry=not ended)
        if changes.updates:
            self._sender.update_runs(changes.updates)

    def _trace(self, turn: ReportedTurn) -> TurnTrace:
        labels = turn.labels.within(self._labels)
        project = self._projects.get(_namespace(turn) or "", self._project)
        return TurnTrace(
            turn,
            project=project,
            below=self._parents.pop(turn.id, None),
            metadata=labels.to_metadata(),
            tags=labels.tags,
            seed=f"{self._seed}\0{project}",
        )

    def _waits_for_prompt(self, turn: ReportedTurn) -> bool:
        """Whether the project is not known before the first event, which may name the prompt."""
        return bool(self._projects) and turn.labels.prompt is None and not turn.events

    def _publish(self, event: object) -> None:
        for bus in self._buses or [BUS]:
            bus.publish(event)

    def _is_awaited(self, event_type: type) -> bool:
        return any(bus.has_handlers_of(event_type) for bus in self._buses or [BUS])

    def _end_turns(self) -> None:
        """Mark the turns that the process does not live to end."""
        if self._pid != os.getpid():
            return
        for bus in self._buses or [BUS]:
            bus.flush(_EXIT_TIMEOUT_S)
        with self._lock:
            for trace in self._traces.values():
                self._send(trace, trace.abandon(), ended=True)
            self._traces.clear()


def _namespace(turn: ReportedTurn) -> str | None:
    if turn.labels.namespace is not None:
        return turn.labels.namespace
    for item in turn.events:
        if not isinstance(item, ReportedTurn) and item.event.get("prompt_ns") is not None:
            return str(item.event["prompt_ns"])
    return None


def _settings_of(client: Client | None, settings: LangSmithSettings | None) -> LangSmithSettings:
    given = settings is not None
    settings = with_spool_of(settings or LangSmithSettings.from_environment(), store_root())
    if client is None:
        return settings
    url = getattr(client, "api_url", None)
    if not isinstance(url, str):
        message = f"the client {type(client).__name__} of LangSmithTelemetry has no `api_url`"
        fix = "pass a langsmith.Client; in tests, that of the fixture `langsmith_client` (eval_pipeline.testing)"
        raise InputError(Problem(message=message, fix=fix))
    # Variables that switch the ambient tracing off are not about a client that was given.
    switches = {"mode": "langsmith", "tracing_enabled": True}
    if given and (settings.mode == "off" or not settings.tracing_enabled):
        switches = {}
    changes = {
        **switches,
        "api_url": url.rstrip("/"),
        "api_key": SecretStr(str(client.api_key or "")),
    }
    return settings.model_copy(update=changes)


def _end_turns_at_exit(telemetry: LangSmithTelemetry) -> None:
    reference = weakref.ref(telemetry)

    def end_turns() -> None:
        alive = reference()
        if alive is not None:
            alive._end_turns()  # noqa: SLF001 - its own module

    atexit.register(end_turns)
    unregistering = weakref.finalize(telemetry, atexit.unregister, end_turns)
    # At exit it would run first, and take away what has to run then.
    unregistering.atexit = False
