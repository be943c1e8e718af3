"""Follow the traces of turns until all of their runs have arrived, and publish what becomes of them."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.telemetry.trace_events import (
    LangSmithTraceCompleted,
    LangSmithTraceStarted,
    LangSmithUploadFailed,
)
from eval_pipeline.tracing.collect.turn_trace import TraceChanges, TurnTrace
from eval_pipeline.tracing.send.queued_item import OF_RUNS
from eval_pipeline.tracing.send.sampling import is_sampled
from eval_pipeline.tracing.send.uploader import UploadResult

_log = logger_of(__name__)

_MOST_TRACES = 10_000
"""Traces that are followed at once; of the oldest beyond nothing more is published."""


@dataclass(kw_only=True)
class _Delivery:
    """One trace on its way."""

    trace_id: UUID
    root_id: str
    project: str
    waiting: dict[tuple[str, str], int] = field(default_factory=dict)
    """At how many destinations each item has not arrived, by its kind and id."""
    run_ids: set[str] = field(default_factory=set)
    tokens: int = 0
    ended: bool = False
    failures: int = 0


class TraceDeliveries:
    """The traces on their way to the destinations of a handler. Safe to use from any thread."""

    def __init__(
        self,
        settings: LangSmithSettings,
        publish: Callable[[object], None],
        is_awaited: Callable[[type], bool],
    ) -> None:
        """Follow traces.

        Args:
            settings: of the destinations.
            publish: takes the events; never waits.
            is_awaited: whether any handler takes events of a type.
        """
        self._settings, self._publish, self._is_awaited = settings, publish, is_awaited
        self._lock = threading.Lock()
        self._deliveries: OrderedDict[str, _Delivery] = OrderedDict()
        self._of_run: dict[str, _Delivery] = {}
        self._connection: Connection | None = None
        self._project_ids: dict[str, str] = {}

    def expect(self, trace: TurnTrace, changes: TraceChanges, *, ended: bool) -> None:
        """Note what is about to be sent of a trace; nothing of one that is not in the sample."""
        if not changes or not is_sampled(trace.trace_id, self._settings.trace_sample_rate):
            return
        started = None
        with self._lock:
            delivery = self._deliveries.get(trace.root_id)
            if delivery is None:
                delivery = _Delivery(trace_id=UUID(trace.trace_id), root_id=trace.root_id, project=trace.project)
                self._deliveries[trace.root_id] = delivery
                session_id = trace.turn.labels.session_id
                started = LangSmithTraceStarted(
                    trace_id=delivery.trace_id, session_id=session_id, project=trace.project
                )
            for kind, runs in (("run", changes.posts), ("update", changes.updates)):
                for run in runs:
                    delivery.waiting[kind, run["id"]] = len(self._settings.destinations)
                    delivery.run_ids.add(run["id"])
                    self._of_run[run["id"]] = delivery
                    if run["run_type"] == "llm" and run["end_time"] is not None:
                        usage = run["extra"]["metadata"].get("usage_metadata") or {}
                        delivery.tokens += int(usage.get("total_tokens") or 0)
            delivery.ended = delivery.ended or ended
            while len(self._deliveries) > _MOST_TRACES:
                self._forget(next(iter(self._deliveries.values())))
        if started is not None:
            self._publish(started)

    def take(self, result: UploadResult) -> None:
        """Take the result of an upload. Never raises."""
        try:
            self._take(result)
        except Exception:  # noqa: BLE001 - a defect here must not cost the thread that uploads
            _log.exception("what became of traces is not published")

    def _take(self, result: UploadResult) -> None:
        completed: list[_Delivery] = []
        failed: dict[str, tuple[_Delivery, int]] = {}
        missing = [item for item in (*result.postponed, *result.refused) if item.kind in OF_RUNS]
        with self._lock:
            for item in result.sent:
                delivery = self._of_run.get(item.id)
                key = (item.kind, item.id)
                if delivery is None or key not in delivery.waiting:
                    continue
                delivery.waiting[key] -= 1
                if delivery.waiting[key] <= 0:
                    del delivery.waiting[key]
                if delivery.ended and not delivery.waiting:
                    completed.append(delivery)
                    self._forget(delivery)
            # Without a reason nothing was tried: the server failed a moment ago.
            for item in missing if result.reason is not None else ():
                delivery = self._of_run.get(item.id)
                if delivery is not None and delivery.root_id not in failed:
                    failed[delivery.root_id] = (delivery, delivery.failures)
                    delivery.failures += 1
        if missing and result.reason is not None:
            _log.warning("langsmith_upload_failed: failed to upload %d runs: %s", len(missing), result.reason)
        for delivery, before in failed.values():
            error = result.reason or ""
            self._publish(LangSmithUploadFailed(trace_id=delivery.trace_id, error=error, retry_count=before))
        for delivery in completed if self._is_awaited(LangSmithTraceCompleted) else ():
            self._publish(
                LangSmithTraceCompleted(
                    trace_id=delivery.trace_id,
                    run_count=len(delivery.run_ids),
                    total_tokens=delivery.tokens,
                    trace_url=self._url(delivery),
                )
            )

    def _forget(self, delivery: _Delivery) -> None:
        self._deliveries.pop(delivery.root_id, None)
        for run_id in delivery.run_ids:
            self._of_run.pop(run_id, None)

    def _url(self, delivery: _Delivery) -> str | None:
        if self._connection is None:
            self._connection = Connection(self._settings.destinations[0], self._settings)
        connection = self._connection
        if delivery.project not in self._project_ids:
            response = connection.request("GET", "/sessions", params={"name": delivery.project, "limit": 1})
            projects = response.json() if response.ok else []
            if not projects:
                return None
            self._project_ids[delivery.project] = str(projects[0]["id"])
        return connection.urls.run(self._project_ids[delivery.project], delivery.root_id)
