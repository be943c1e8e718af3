"""The trace of one turn, sent run by run while the turn is in progress: what is to be posted, and what updated."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from eval_pipeline.langsmith.protocol.jsonable import as_object, json_bytes, plain
from eval_pipeline.langsmith.protocol.rules import validate_run_post
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.collecting_client import ids_of_path
from eval_pipeline.telemetry.turns import MOST_EVENTS, ReportedTurn
from eval_pipeline.tracing.collect.event_runs import TurnReading
from eval_pipeline.tracing.shape.completion import complete
from eval_pipeline.tracing.shape.run import Anchor, CompleteRun, complete_run

_log = logger_of(__name__)

IN_PROGRESS = "in_progress"
"""Metadata of a run that was sent when it began; where it stays, the process died in the turn."""
DIED = "Unfinished: the process ended in this turn"


@dataclass(kw_only=True)
class TraceChanges:
    """Runs to create and runs to update."""

    posts: list[CompleteRun] = field(default_factory=list)
    updates: list[CompleteRun] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.posts or self.updates)


class TurnTrace:
    """A turn's runs: which of them were sent, and whether they were in progress then. For one thread at a time.

    LangSmith takes one POST and one PATCH of a run. So a run that is in progress when it is first shown is posted
    without an end and updated once; one that has ended by then is posted complete.
    """

    def __init__(
        self,
        turn: ReportedTurn,
        *,
        project: str,
        below: Anchor | None,
        metadata: Mapping[str, Any],
        tags: Iterable[str],
        seed: str,
    ) -> None:
        """Begin the trace.

        Args:
            turn: the turn.
            project: of its runs.
            below: the run that it is a child of; None for a trace of its own.
            metadata: of every run.
            tags: of every run.
            seed: of the ids, besides the turn's own.
        """
        self.turn = turn
        self.project = project if below is None else below.session_name
        self._below, self._metadata, self._tags = below, dict(metadata), list(tags)
        self._reading = TurnReading(turn, [] if below is None else ids_of_path(below.dotted_order), seed=seed)
        self._anchors: dict[str, Anchor] = {}
        self._read = 0
        self._open: set[str] = set()
        self._sent: set[str] = set()
        root = self._root()
        self._anchor = Anchor.of(root)
        violations = validate_run_post(dict(root), now=dt.datetime.now(tz=dt.UTC))
        self._refused = bool(violations)
        if violations:
            _log.warning("the turn %r is not traced: %s", turn.name, violations[0].message)

    @property
    def root_id(self) -> str:
        """The id of the turn's run."""
        return self._anchor.run_id

    @property
    def trace_id(self) -> str:
        """The id of the trace that the turn's run is in."""
        return self._anchor.trace_id

    @property
    def has_begun(self) -> bool:
        """Whether the turn's run was sent."""
        return self.root_id in self._sent

    def progress(self) -> TraceChanges:
        """What is new of a turn in progress."""
        if self._refused:
            return TraceChanges()
        self._take()
        self._reading.take_tokens()
        begun, final = self._reading.news()
        changes = TraceChanges()
        if not self.has_begun:
            changes.posts.append(_as_begun(self._root()))
            self._sent.add(self.root_id)
            self._open.add(self.root_id)
        self._add([*begun, *final], {run.id for run in final}, changes)
        return changes

    def end(self) -> TraceChanges:
        """What is left to send of an ended turn."""
        if self._refused:
            return TraceChanges()
        self._take()
        first, *others = self._reading.runs(keep=True)
        changes, root = TraceChanges(), self._root(first)
        if self.root_id in self._open:
            changes.updates.append(_as_ended(root))
        elif not self.has_begun:
            changes.posts.append(root)
        self._add(others, {run.id for run in others}, changes)
        return changes

    def abandon(self) -> TraceChanges:
        """What is left to send of a turn that the process does not live to end."""
        self.turn.end()
        self.turn.error = DIED
        return self.end()

    def _take(self) -> None:
        items = self.turn.events[self._read :]
        self._read += len(items)
        for item in items:
            self._reading.take(item)

    def _add(self, runs: Sequence[CollectedRun], final: set[str], changes: TraceChanges) -> None:
        for run in sorted({run.id: run for run in runs}.values(), key=lambda run: len(run.parent_ids)):
            is_final = run.id in final
            if run.id in self._sent and not (is_final and run.id in self._open):
                continue
            completed = complete(
                [run],
                below=self._anchor,
                end_time=self.turn.ended or dt.datetime.now(tz=dt.UTC),
                labels=self._metadata,
                tags=self._tags,
                anchors=self._anchors,
                most_tokens=MOST_EVENTS,
            ).runs
            if run.id in self._sent:
                changes.updates += map(_as_ended, completed)
                self._open.discard(run.id)
            else:
                changes.posts += completed if is_final else map(_as_begun, completed)
                self._open |= set() if is_final else {run.id}
            self._sent.add(run.id)

    def _root(self, ended: CollectedRun | None = None) -> CompleteRun:
        """The turn's run, as it is so far or as it ended."""
        run = ended or self._reading.chain
        inputs = as_object(self.turn.inputs) if ended is None else orjson.loads(run.inputs)
        root = complete_run(
            run_id=run.id,
            below=self._below,
            name=run.name,
            run_type=run.run_type,
            start_time=run.start_time,
            end_time=max(run.end_time, run.start_time),
            session_name=self.project,
            inputs=plain(inputs),
            outputs=None if run.outputs is None else orjson.loads(run.outputs),
            error=run.error,
            tags=self._tags,
            metadata={**orjson.loads(json_bytes(run.extra["metadata"])), **self._metadata},
        )
        return {**root, "events": list(run.events)} if run.events else root


def _as_begun(run: CompleteRun) -> CompleteRun:
    return {**_marked(run, in_progress=True), "end_time": None, "outputs": None, "error": None}


def _as_ended(run: CompleteRun) -> CompleteRun:
    return _marked(run, in_progress=False)


def _marked(run: CompleteRun, *, in_progress: bool) -> CompleteRun:
    metadata = {**run["extra"]["metadata"], IN_PROGRESS: in_progress}
    return {**run, "extra": {**run["extra"], "metadata": metadata}}
