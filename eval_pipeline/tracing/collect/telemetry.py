"""Trace the turns that agents report outside of evaluations in LangSmith.

For example:

    telemetry = LangSmithTelemetry(Client(), project="support").attach()
    ...
    telemetry.flush(timeout=5)
"""

import datetime as dt
import time
from collections.abc import Mapping
from typing import Any

import orjson
from langsmith import Client

from eval_pipeline.langsmith.protocol.jsonable import plain
from eval_pipeline.langsmith.protocol.rules import validate_run_post
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.telemetry.bus import BUS, EventBus
from eval_pipeline.telemetry.turns import ReportedTurn
from eval_pipeline.tracing.collect.event_runs import runs_of_turn
from eval_pipeline.tracing.shape.completion import complete
from eval_pipeline.tracing.shape.run import Anchor, CompleteRun, complete_run

_REDACTOR = Redactor()
_REDACTED = ("name", "inputs", "outputs", "error", "extra")


class LangSmithTelemetry:
    """A handler of ended turns: sends each as one trace to `project`, redacted."""

    def __init__(
        self,
        client: Client,
        *,
        project: str = "default",
        metadata: Mapping[str, Any] | None = None,
        redactor: Redactor = _REDACTOR,
    ) -> None:
        """`metadata`: of every run, such as a version, a session or an environment."""
        self._client, self._project = client, project
        self._metadata, self._redactor = dict(metadata or {}), redactor

    def attach(self, bus: EventBus = BUS) -> "LangSmithTelemetry":
        """Subscribe to the turns of a bus."""
        bus.subscribe(self)
        return self

    def detach(self, bus: EventBus = BUS) -> None:
        """Unsubscribe from a bus."""
        bus.unsubscribe(self)

    def flush(self, *, timeout: float | None = None, bus: EventBus = BUS) -> bool:
        """Wait until all reported turns are sent; False if `timeout` (seconds) was too short for the bus."""
        started = time.monotonic()
        handled = bus.flush(timeout)
        left = None if timeout is None else max(0.0, timeout - (time.monotonic() - started))
        self._client.flush(timeout=left)
        return handled

    def __call__(self, turn: ReportedTurn) -> None:
        """Pass the runs of a turn to the client."""
        for run in self.runs(turn):
            shown = {name: self._redactor.value(plain(run[name])) for name in _REDACTED}
            self._client.create_run(**{**run, **shown})

    def runs(self, turn: ReportedTurn) -> list[CompleteRun]:
        """The trace of a turn: its root, then the runs below it; empty if LangSmith would refuse the root."""
        first, *others = runs_of_turn(turn, (), keep=True)
        ended = turn.ended or dt.datetime.now(tz=dt.UTC)
        root = complete_run(
            run_id=first.id,
            below=None,
            name=first.name,
            run_type=first.run_type,
            start_time=first.start_time,
            end_time=first.end_time,
            session_name=self._project,
            inputs=orjson.loads(first.inputs),
            outputs=None if first.outputs is None else orjson.loads(first.outputs),
            error=first.error,
            metadata={**first.extra["metadata"], **self._metadata},
        )
        if validate_run_post(dict(root), now=dt.datetime.now(tz=dt.UTC)):
            return []
        return [root, *complete(others, below=Anchor.of(root), end_time=ended, labels=self._metadata).runs]
