"""The published rules that LangSmith applies to runs, as pure functions with the published messages.

Sources: langsmith-sdk #751 #2236 #637 #3027, langsmith-java #81, litellm #7140 #37269, dify #30021 #35972,
langsmith-data-migration-tool #98 #152, vercel/ai #4843, docs "run data format", and the platform's OpenAPI.
"""

import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

RUN_TYPES = frozenset({"tool", "chain", "llm", "retriever", "embedding", "prompt", "parser"})
DEFAULT_WINDOW = timedelta(hours=24)
MAX_FEEDBACK_KEY_LENGTH = 180

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_IS_UUID = re.compile(_UUID).fullmatch
_SEGMENT = re.compile(rf"(\d{{8}}T\d{{6}})(\d{{6}})Z({_UUID})")

Rule = Literal["id", "required", "run_type", "time", "window", "dotted_order", "parent", "feedback"]


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One rule broken by one run.

    `status` and `body` are what LangSmith answers; on its SaaS one violation refuses the whole request.
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


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One step of a dotted order: when that run started (UTC, microseconds) and its id in lower case."""

    start_time: datetime
    run_id: str


class DottedOrderError(ValueError):
    """A dotted order that cannot be parsed; the text is the server's message."""


class TimeError(ValueError):
    """A time that cannot be read."""


def parse_dotted_order(text: str) -> tuple[Segment, ...]:
    """Split `20261120T233350309937Z<uuid>.…` into its segments, root first.

    Raises:
        DottedOrderError: a segment is not `%Y%m%dT%H%M%S%fZ` followed by a UUID.
    """
    return tuple(_parse_segment(part, index) for index, part in enumerate(text.split(".")))


@functools.lru_cache(maxsize=4096)  # a run's segment is read again with each of its descendants
def _parse_segment(part: str, index: int) -> Segment:
    match = _SEGMENT.fullmatch(part)
    if match is None:
        raise DottedOrderError(
            f"Bad request: invalid 'dotted_order': invalid timestamp in dotted_order {part} at index {index}"
        )
    day_and_second, microsecond, run_id = match.groups()
    try:
        start = datetime.fromisoformat(f"{day_and_second}.{microsecond}Z")
    except ValueError as error:
        raise DottedOrderError(
            f"Bad request: invalid 'dotted_order': invalid timestamp in dotted_order {part} at index {index}"
        ) from error
    return Segment(start_time=start, run_id=run_id.lower())


def format_segment(segment: Segment) -> str:
    """The inverse of parsing one segment."""
    return f"{segment.start_time:%Y%m%dT%H%M%S%f}Z{segment.run_id}"


def parse_time(value: object) -> datetime:
    """Read a time as the API takes it: ISO 8601 text (UTC where it has no offset), or epoch milliseconds.

    Raises:
        TimeError: it is neither.
    """
    if isinstance(value, datetime) and value.tzinfo is UTC:  # as nearly all are
        return value
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000, tz=UTC)
        elif isinstance(value, datetime):
            moment = value
        else:
            raise TimeError(f"invalid time: {value!r}")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TimeError(f"invalid time: {value!r}") from error


def validate_run_post(
    run: dict[str, Any], *, now: datetime, window: timedelta | None = DEFAULT_WINDOW
) -> list[Violation]:
    """Check a run that is about to be created, against everything that makes LangSmith refuse it.

    `run` has at least `id, name, run_type, start_time, trace_id, dotted_order`, and `parent_run_id` unless it is a
    root; ids are text or UUID. `window=None` leaves the start time unchecked.
    """
    found = list(_identity(run, "post"))
    if found:
        return found
    found.extend(_required(run, ("name", "run_type", "start_time", "trace_id", "dotted_order")))
    found.extend(_run_type(run))
    found.extend(_times(run, now, window, "POST"))
    found.extend(_order(run))
    return found


def validate_run_patch(
    run: dict[str, Any], *, now: datetime, window: timedelta | None = DEFAULT_WINDOW
) -> list[Violation]:
    """Check a run that is about to be updated: what it states must be true to the same rules as when creating it."""
    found = list(_identity(run, "patch"))
    if found:
        return found
    found.extend(_run_type(run))
    found.extend(_times(run, now, window, "PATCH"))
    if run.get("dotted_order"):
        found.extend(_required(run, ("trace_id",)))
        found.extend(_order(run))
    return found


def advise_run(run: dict[str, Any]) -> list[str]:
    """What LangSmith accepts today and punishes later, as sentences.

    A run whose id is a UUIDv7 of another millisecond than its start time is ingested but not found when opened
    (langsmith-sdk#3027); "future versions will require" UUIDv7.
    """
    run_id = str(run.get("id"))
    if not _IS_UUID(run_id):
        return []
    if run_id[14] != "7":
        return [f"run {run_id}: not a UUIDv7"]
    stated = int(run_id[:8] + run_id[9:13], 16)
    started = int(parse_time(run["start_time"]).timestamp() * 1000)
    # The SDK truncates and some clients round: one millisecond apart is the same moment.
    if abs(stated - started) > 1:
        return [f"run {run_id}: the UUIDv7's time {stated} ms differs from start_time {started} ms"]
    return []


def validate_feedback(feedback: dict[str, Any]) -> list[Violation]:
    """Check one feedback: an id that is a UUID where there is one, and a key of 1 to 180 characters."""
    identity = str(feedback.get("id") or "")
    if identity and not _IS_UUID(identity):
        return [_bad_id("feedback", identity)]
    key = feedback.get("key")
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_FEEDBACK_KEY_LENGTH:
        message = f"key: String should have 1 to {MAX_FEEDBACK_KEY_LENGTH} characters"
        return [Violation(rule="feedback", run_id=str(feedback.get("run_id")), message=message, status=422)]
    return []


def is_uuid(value: object) -> bool:
    """Whether a value reads as a UUID in the usual hyphenated form."""
    return _IS_UUID(str(value)) is not None


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


def _run_type(run: dict[str, Any]) -> Iterator[Violation]:
    run_type = run.get("run_type")
    if run_type and run_type not in RUN_TYPES:
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
        segments = parse_dotted_order(order)
    except DottedOrderError as error:
        yield Violation(rule="dotted_order", run_id=run_id, message=str(error), field="error")
        return

    def where() -> str:
        return f"for run_id:{run_id} trace_id:{trace_id} dotted_order:{order} parent_run_id:{parent}"

    message = _order_message(segments, run_id, trace_id, parent, order)
    if message is not None:
        yield Violation(rule="dotted_order", run_id=run_id, message=f"{message} {where()}")
        return
    for earlier, later in itertools.pairwise(segments):
        if later.start_time < earlier.start_time:
            message = (
                f"dotted_order has timestamp {later.start_time:%Y-%m-%d %H:%M:%S.%f} earlier than parent timestamp "
                f"{earlier.start_time:%Y-%m-%d %H:%M:%S.%f} {where()}"
            )
            yield Violation(rule="parent", run_id=run_id, message=message)
            return


def _order_message(
    segments: tuple[Segment, ...], run_id: str, trace_id: str, parent: str | None, order: str
) -> str | None:
    if segments[0].run_id != trace_id:
        return f"trace_id {trace_id} does not match first part of dotted_order {order}"
    if segments[-1].run_id != run_id:
        return f"run_id {run_id} does not match last part of dotted_order {order}"
    if parent is None and len(segments) > 1:
        return "dotted_order must contain a single part for root runs"
    if parent is not None and len(segments) == 1:
        return "dotted_order must contain at least two parts for child runs"
    if parent is not None and segments[-2].run_id != parent:
        return f"parent_run_id {parent} does not match second to last part of dotted_order {order}"
    return None
