"""Turn collected runs into complete ones that break no published rule.

LangSmith refuses a whole frame, other cases' runs included, for one bad run. So every run is repaired: dotted orders
are rebuilt from the parents, times are put in order, an unknown type becomes `chain`, a field that is too long becomes
a preview. A run that still breaks a rule is left out and counted, and its children move up.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval_pipeline.langsmith.protocol.jsonable import as_object, plain
from eval_pipeline.langsmith.protocol.rules import RUN_TYPES, validate_run_post
from eval_pipeline.langsmith.protocol.time_window import DEFAULT_WINDOW
from eval_pipeline.langsmith.protocol.times import TimeError, parse_time
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.tracing.shape.fields import LIVE_FIELD_BYTES, Field, Redact, as_it_is, capped_json
from eval_pipeline.tracing.shape.run import MICROSECOND, Anchor, CompleteRun, complete_run, uuid7_at, uuid7_millisecond

_MILLISECOND = dt.timedelta(milliseconds=1)
_STEP_TAGS = ("seq:step:", "graph:step:", "map:key:")
_PLUMBING = frozenset(
    {
        "langgraph_checkpoint_ns",
        "checkpoint_ns",
        "langgraph_path",
        "langgraph_triggers",
        "lc_versions",
        "LANGSMITH_PROJECT",
    }
)
"""Metadata that repeats the tree's structure or the environment in every run."""
_IMMUTABLE = frozenset({str, int, bool, type(None)})
UNFINISHED = "Unfinished: this was still running when the attempt ended"


@dataclass(kw_only=True)
class Completed:
    """Complete runs, parents first, with the number of those repaired and left out."""

    runs: list[CompleteRun] = field(default_factory=list)
    repaired: int = 0
    left_out: int = 0


def complete(
    collected: Sequence[CollectedRun],
    *,
    below: Anchor,
    end_time: dt.datetime,
    labels: Mapping[str, Any],
    tags: Sequence[str] = (),
    redact: Redact = as_it_is,
    anchors: dict[str, Anchor] | None = None,
    most_tokens: int = 1,
) -> Completed:
    """Complete the runs, each after its parent.

    Args:
        collected: the runs as they were traced.
        below: their common ancestor.
        end_time: when the attempt ended; runs without an end get it.
        labels: metadata of every run.
        tags: of every run.
        redact: applied to a field that is too long, before it is cut.
        anchors: of the runs completed before, by the ids they were collected with; these runs' are added.
        most_tokens: how many pieces of a streamed answer a run keeps.
    """
    completed = Completed()
    anchors = {} if anchors is None else anchors
    anchors.setdefault(below.run_id, below)
    now = dt.datetime.now(tz=dt.UTC)
    for run in _parents_first(collected):
        ancestors = (anchors[ancestor] for ancestor in reversed(run.parent_ids) if ancestor in anchors)
        parent = next(ancestors, below)
        sendable, repaired = _complete_one(
            run, parent, end_time=end_time, now=now, labels=labels, tags=tags, redact=redact, most_tokens=most_tokens
        )
        if validate_run_post(sendable, now=now):
            completed.left_out += 1
            anchors[run.id] = parent
            continue
        completed.repaired += repaired
        completed.runs.append(sendable)
        anchors[run.id] = Anchor.of(sendable)
    return completed


def _parents_first(collected: Sequence[CollectedRun]) -> list[CollectedRun]:
    # A run is collected when it starts, its parent before it; only runs posted once, at their end, are out of order.
    return sorted(collected, key=lambda run: len(run.parent_ids))


def _complete_one(
    run: CollectedRun,
    parent: Anchor,
    *,
    end_time: dt.datetime,
    now: dt.datetime,
    labels: Mapping[str, Any],
    tags: Sequence[str],
    redact: Redact,
    most_tokens: int,
) -> tuple[dict[str, Any], bool]:
    notes: dict[str, Any] = {}
    start = _start(run, parent, now, notes)
    run_id = run.id
    if uuid7_millisecond(run_id) != _floor(start):
        notes["original_run_id"] = run.id
        run_id = uuid7_at(start, run.id)
    end = _moment(run.end_time)
    error = run.error if end is not None or run.error else UNFINISHED
    run_type = run.run_type
    if run_type not in RUN_TYPES:
        notes["original_run_type"], run_type = run_type, "chain"
    completed = complete_run(
        run_id=run_id,
        below=parent,
        name=run.name,
        run_type=run_type,
        start_time=start,
        end_time=max(end or end_time, start),
        session_name=parent.session_name,
        inputs=_field(run.inputs, redact) or {},
        outputs=_field(run.outputs, redact),
        error=None if error is None else str(plain(error)),
        tags=[*(str(tag) for tag in run.tags if not str(tag).startswith(_STEP_TAGS)), *tags],
        metadata={**_metadata(run.extra), **notes, **labels},
        extra=_model_parameters(run),
    )
    tokens = [plain(event) for event in run.events if isinstance(event, Mapping) and event.get("name") == "new_token"]
    if tokens:
        completed["events"] = tokens[:most_tokens]
    if run.attachments:
        completed["attachments"] = run.attachments
    cut = any(isinstance(completed[name], dict) and completed[name] for name in ("inputs", "outputs"))
    return completed, cut or bool(notes)


def _start(run: CollectedRun, parent: Anchor, now: dt.datetime, notes: dict[str, Any]) -> dt.datetime:
    start = _moment(run.start_time)
    if start is None or abs(now - start) > DEFAULT_WINDOW:
        notes["original_start_time"] = str(run.start_time)
        return parent.start_time
    of_id = uuid7_millisecond(run.id)
    if of_id is not None and of_id < _floor(start):
        # LangChain creates the id a moment before it reads the clock. The last microsecond of the id's millisecond is
        # the nearest start that agrees with the id; it is never before the parent's, which was running by then.
        start = of_id + _MILLISECOND - MICROSECOND
    return max(start, parent.start_time)


def _moment(value: Any) -> dt.datetime | None:
    if value is None:
        return None
    try:
        return parse_time(value)
    except TimeError:
        return None


def _floor(moment: dt.datetime) -> dt.datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _field(data: bytes | None, redact: Redact) -> Field | None:
    if data is None:
        return None
    as_mapping = data if data.startswith(b"{") else b'{"output":%b}' % data
    return capped_json(as_mapping, LIVE_FIELD_BYTES, redact=redact)


def _metadata(extra: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in (extra.get("metadata") or {}).items() if key not in _PLUMBING}
    # Copy values that could be changed before they are sent.
    return metadata if all(type(value) in _IMMUTABLE for value in metadata.values()) else as_object(metadata)


def _model_parameters(run: CollectedRun) -> dict[str, Any]:
    parameters = run.extra.get("invocation_params") if run.run_type == "llm" else None
    return {"invocation_params": as_object(parameters)} if parameters else {}
