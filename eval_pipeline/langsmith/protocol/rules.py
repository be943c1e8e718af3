"""Check runs and feedback against the rules LangSmith publishes, with its own status codes and messages.

Sources: langsmith-sdk #751 #2236 #637 #3027, langsmith-java #81, litellm #7140 #37269, dify #30021 #35972,
langsmith-data-migration-tool #98 #152, vercel/ai #4843, docs "run data format", and the platform's OpenAPI.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from eval_pipeline.langsmith.protocol.dotted_order import (
    DottedOrderError,
    DottedOrderStep,
    is_uuid,
    parse_dotted_order,
)
from eval_pipeline.langsmith.protocol.time_window import DEFAULT_WINDOW
from eval_pipeline.langsmith.protocol.times import TimeError, parse_time

RUN_TYPES = frozenset({"tool", "chain", "llm", "retriever", "embedding", "prompt", "parser"})
MAX_FEEDBACK_KEY_LENGTH = 180

Rule = Literal["id", "required", "run_type", "time", "window", "dotted_order", "parent", "feedback", "kind"]


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One rule that one run breaks.

    `status` and `body` are LangSmith's answer; on its SaaS one violation refuses the whole request.
    """

    rule: Rule
    run_id: str
    message: str
    status: int = 400
    field: Literal["detail", "error"] = "detail"

    @property
    def body(self) -> dict[str, str]:
        """The JSON answer."""
        return {self.field: self.message}


def validate_run_post(
    run: dict[str, Any], *, now: datetime, window: timedelta | None = DEFAULT_WINDOW
) -> list[Violation]:
    """Check a run that is about to be created against every rule that makes LangSmith refuse it.

    `run` has at least `id, name, run_type, start_time, trace_id, dotted_order`, and `parent_run_id` unless it is a
    root; ids are text or UUID. `window=None` leaves the start time unchecked.
    """
    return list(_identity(run, "post")) or [
        *_required(run, ("name", "run_type", "start_time", "trace_id", "dotted_order")),
        *_kinds(run),
        *_run_type(run),
        *_times(run, now, window, "POST"),
        *_order(run),
    ]


def validate_run_patch(
    run: dict[str, Any], *, now: datetime, window: timedelta | None = DEFAULT_WINDOW
) -> list[Violation]:
    """Check a run that is about to be updated: the fields that are there obey the same rules as on creation."""
    return list(_identity(run, "patch")) or [
        *_kinds(run),
        *_run_type(run),
        *_times(run, now, window, "PATCH"),
        *(_required(run, ("trace_id",)) if run.get("dotted_order") else ()),
        *_order(run),
    ]


def validate_feedback(feedback: dict[str, Any]) -> list[Violation]:
    """Check one feedback: its id, if it has one, is a UUID, and its key has 1 to 180 characters."""
    identity = str(feedback.get("id") or "")
    if identity and not is_uuid(identity):
        return [_bad_id("feedback", identity)]
    key = feedback.get("key")
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_FEEDBACK_KEY_LENGTH:
        message = f"key: String should have 1 to {MAX_FEEDBACK_KEY_LENGTH} characters"
        return [Violation(rule="feedback", run_id=str(feedback.get("run_id")), message=message, status=422)]
    return []


def _bad_id(kind: str, identity: str) -> Violation:
    message = (
        f"Unprocessable entity: error parsing run for {kind}.{identity}: schema validation failed: "
        "id: Must validate one and only one schema (oneOf)"
    )
    return Violation(rule="id", run_id=identity, message=message, status=422, field="error")


def _identity(run: dict[str, Any], kind: str) -> Iterator[Violation]:
    if not is_uuid(run.get("id")):
        yield _bad_id(kind, str(run.get("id")))
        return
    for name in ("trace_id", "parent_run_id", "session_id", "reference_example_id"):
        value = run.get(name)
        if value and not is_uuid(value):
            message = f"Unprocessable entity: {name}: invalid UUID {value!r} for run_id:{run['id']}"
            yield Violation(rule="id", run_id=str(run["id"]), message=message, status=422, field="error")


def _required(run: dict[str, Any], names: tuple[str, ...]) -> Iterator[Violation]:
    for name in names:
        if run.get(name) in (None, ""):
            message = f"Unprocessable entity: {name} is required for run_id:{run['id']}"
            yield Violation(rule="required", run_id=str(run["id"]), message=message, status=422, field="error")


_FIELD_KINDS: Mapping[str, tuple[type, str]] = {
    "name": (str, "text"),
    "run_type": (str, "text"),
    "session_name": (str, "text"),
    "dotted_order": (str, "text"),
    "extra": (dict, "an object"),
    "serialized": (dict, "an object"),
    "events": (list, "a list of objects"),
    "tags": (list, "a list of texts"),
}
_ITEM_KINDS: Mapping[str, type] = {"events": dict, "tags": str}


def _kinds(run: dict[str, Any]) -> Iterator[Violation]:
    for name, (kind, shown) in _FIELD_KINDS.items():
        value = run.get(name)
        items = value if isinstance(value, list) else []
        if value is None or (
            isinstance(value, kind) and all(isinstance(item, _ITEM_KINDS.get(name, object)) for item in items)
        ):
            continue
        message = f"Unprocessable entity: {name}: must be {shown} for run_id:{run['id']}"
        yield Violation(rule="kind", run_id=str(run["id"]), message=message, status=422, field="error")


def _run_type(run: dict[str, Any]) -> Iterator[Violation]:
    run_type = run.get("run_type")
    if isinstance(run_type, str) and run_type and run_type not in RUN_TYPES:
        message = f"Unprocessable entity: run_type: {run_type!r} is not one of {sorted(RUN_TYPES)}"
        yield Violation(rule="run_type", run_id=str(run["id"]), message=message, status=422, field="error")


def _times(run: dict[str, Any], now: datetime, window: timedelta | None, operation: str) -> Iterator[Violation]:
    moments: dict[str, datetime] = {}
    for name in ("start_time", "end_time"):
        if run.get(name) is None:
            continue
        try:
            moments[name] = parse_time(run[name])
        except TimeError:
            message = f"Unprocessable entity: {name}: invalid time {run[name]!r} for run_id:{run['id']}"
            yield Violation(rule="time", run_id=str(run["id"]), message=message, status=422, field="error")
    start = moments.get("start_time")
    if start is not None and window is not None and abs(now - start) > window:
        hours = int(window.total_seconds() // 3600)
        message = (
            f"Bad request: start_time {start.isoformat()} of run_id:{run['id']} is outside of the "
            f"RUN_{operation}_START_TIME_WINDOW_HOURS={hours}"
        )
        yield Violation(rule="window", run_id=str(run["id"]), message=message, field="error")


def _order(run: dict[str, Any]) -> Iterator[Violation]:
    """Check dotted order, trace and parent against each other; nothing where a required one is missing."""
    if not run.get("dotted_order") or not run.get("trace_id"):
        return
    run_id, trace_id, order = str(run["id"]).lower(), str(run["trace_id"]).lower(), str(run["dotted_order"])
    parent = str(run["parent_run_id"]).lower() if run.get("parent_run_id") else None
    try:
        steps = parse_dotted_order(order)
    except DottedOrderError as error:
        yield Violation(rule="dotted_order", run_id=run_id, message=str(error), field="error")
        return

    def where() -> str:
        return f"for run_id:{run_id} trace_id:{trace_id} dotted_order:{order} parent_run_id:{parent}"

    message = _order_message(steps, run_id, trace_id, parent, order)
    if message is not None:
        yield Violation(rule="dotted_order", run_id=run_id, message=f"{message} {where()}")
        return
    for earlier, later in itertools.pairwise(steps):
        if later.start_time < earlier.start_time:
            message = (
                f"dotted_order has timestamp {later.start_time:%Y-%m-%d %H:%M:%S.%f} earlier than parent timestamp "
                f"{earlier.start_time:%Y-%m-%d %H:%M:%S.%f} {where()}"
            )
            yield Violation(rule="parent", run_id=run_id, message=message)
            return


def _order_message(
    steps: tuple[DottedOrderStep, ...], run_id: str, trace_id: str, parent: str | None, order: str
) -> str | None:
    if steps[0].run_id != trace_id:
        return f"trace_id {trace_id} does not match first part of dotted_order {order}"
    if steps[-1].run_id != run_id:
        return f"run_id {run_id} does not match last part of dotted_order {order}"
    if parent is None and len(steps) > 1:
        return "dotted_order must contain a single part for root runs"
    if parent is not None and len(steps) == 1:
        return "dotted_order must contain at least two parts for child runs"
    if parent is not None and steps[-2].run_id != parent:
        return f"parent_run_id {parent} does not match second to last part of dotted_order {order}"
    return None
